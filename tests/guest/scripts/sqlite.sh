#!/bin/bash
# needs: sqlite3
# work: 50000 3000
{
  echo 'pragma journal_mode=wal; create table t(id integer primary key, k text, v real); begin;'
  for ((i = 1; i <= N; i++)); do echo "insert into t(k, v) values('k$((i * 7919 % 10007))', $((i * 31 % 1000)).$((i % 10)));"; done
  echo 'commit; create index tk on t(k);'
  echo 'select count(*), sum(v), min(k), max(k), avg(v) from t;'
  echo 'select k, count(*), round(sum(v), 2) from t group by k order by 2 desc, 1 limit 10;'
  echo 'select a.k, b.v from t a join t b on a.id = b.id + 1 where a.id % 997 = 0 order by a.id limit 20;'
  echo "update t set v = v * 2 where k like 'k1%'; select total(v) from t; delete from t where id % 2; select count(*) from t; vacuum; pragma integrity_check;"
} > script.sql
sqlite3 test.db < script.sql
rm -f test.db* script.sql
