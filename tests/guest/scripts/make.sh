#!/bin/bash
# needs: make
cat > Makefile <<'X'
N := 12
all: $(foreach i,$(shell seq 1 $(N)),out.$(i))
	@cat $(sort $^) | sort -n | paste -s -d ' '
out.%:
	@echo $$(( $* * $* )) > $@
.PHONY: all
X
make -j2
