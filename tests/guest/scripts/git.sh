#!/bin/bash
# needs: git
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.invalid GIT_COMMITTER_NAME=c GIT_COMMITTER_EMAIL=c@example.invalid
export GIT_AUTHOR_DATE='1600000000 +0000' GIT_COMMITTER_DATE='1600000000 +0000' GIT_CONFIG_NOSYSTEM=1
git init -q -b main repo && cd repo || exit
cp -r ../tree ../words.txt . && git add . && git commit -q -m first
sed -i s/a/b/ words.txt && git commit -q -am second
git checkout -q -b side HEAD~1 && echo side > side.txt && git add side.txt && git commit -q -m side
git checkout -q main && git merge -q --no-edit side
git log --stat --format='%H %s'
git diff HEAD~1 | head -n 20
git gc -q && git fsck && git count-objects
git status --short
cd .. && git clone -q repo copy && git -C copy rev-parse HEAD
rm -rf repo copy
