# check is what guards main; bench compares with other tools (see bench/main.go for what it
# needs); profile leaves profiles of small pictures being archived, for go tool pprof.
.PHONY: check bench profile

check:
	.ci/run

bench:
	go run ./bench --out bench/RESULTS.md

profile:
	mkdir -p profile
	go test ./pipeline -run '^$$' -bench SmallBlob -benchtime 20000x -o profile/pipeline.test \
		-outputdir profile -cpuprofile cpu.pprof -memprofile allocs.pprof -memprofilerate 4096
	@echo 'go tool pprof -http 127.0.0.1:0 profile/cpu.pprof'
	@echo 'go tool pprof -http 127.0.0.1:0 -sample_index alloc_space profile/allocs.pprof'
