# trace-capacity: the largest rate that meets an objective.
load helper
load trace

setup() {
    enter_work
    table >../t.csv
    requests 400 >../trace.jsonl
}

capacity() {
    trace-capacity --cost ../t.csv --kv-blocks 400 "$@"
}

@test "help, version, misuse" {
    helps trace-capacity
    misuse trace-capacity ../trace.jsonl
    says --cost
    for bad in '--tbt -1' '--tbt nan' '--delay 0' '--precision 0' '--precision 2' '--scheds fifo' \
        '--scheds vllm0,,orca' '--budgets 0' '--budgets 1,x' '--budgets 10000000000' '--kv-blocks 0' \
        '--sched fifo' '--block-size 0' '--slo tbt' '--slo what=1' '--good-share 0.9' \
        '--slo tbt=1 --good-share 0' '--slo tbt=1 --good-share 1.1'; do
        # shellcheck disable=SC2086 # an option and its argument
        misuse trace-capacity --cost ../t.csv $bad ../trace.jsonl
    done
}

@test "cards are needed where one of the tables is roofline" {
    misuse trace-capacity --cost roofline --tbt 1 ../trace.jsonl
    says "'--cost roofline' needs cards"
    misuse trace-capacity --costs ../t.csv,roofline --model Llama-3-8B --tbt 1 ../trace.jsonl
}

@test "where nothing bounds the rate that is said" {
    exits 0 capacity --delay 0 --e2e 1e6 --budget 100 ../trace.jsonl
    is 524288.0000 "$(column 4 "$out")"
    says 't.csv, vllm0, budget 100: the objective is met up to 524288 requests a second, the most'
    ok capacity -q --delay 0 --e2e 1e6 ../trace.jsonl
    # Where something does, and where no rate will do, it is not.
    ok capacity --delay 0 --e2e 1 ../trace.jsonl
    ok capacity --delay 0 --e2e 0.0001 ../trace.jsonl
    is 0.0000 "$(column 4 "$out")"
}

@test "the rate that is found meets the objective, and a few hundredths more do not" {
    # Poisson arrivals of the same seed, as trace-convert draws them, at rates beside it.
    ok capacity --tbt 0.05 --delay 1 --sched sarathi --budget 100 ../trace.jsonl
    rate=$(column 4 "$out")
    meets() {
        trace-convert --rate "$1" ../trace.jsonl |
            trace-replay --cost ../t.csv --kv-blocks 400 --sched sarathi --budget 100 - >"$out"
        awk '$1 == "tbt_p99_s" && $2 > 0.05 { bad = 1 }
             $1 == "delay_p50_s" && $2 > 1 { bad = 1 } END { exit bad }' "$out"
    }
    meets "$rate"
    meets "$(awk -v r="$rate" 'BEGIN { print r / 2 }')"
    if meets "$(awk -v r="$rate" 'BEGIN { print r * 1.03 }')"; then
        echo "3 % more than $rate meets it too"
        return 1
    fi
}

@test "objectives of each request: the share that meets them is as a replay has it" {
    # found OBJECTIVES SHARE: at the rate that is found, and a few hundredths above.
    found() {
        ok capacity --sched sarathi --budget 100 --delay 0 --slo "$1" --good-share "$2" ../trace.jsonl
        rate=$(column 4 "$out") share=$(column 9 "$out")
        for factor in 1 1.03; do
            trace-convert --rate "$(awk -v r="$rate" -v f=$factor 'BEGIN { print r * f }')" ../trace.jsonl |
                trace-replay --cost ../t.csv --kv-blocks 400 --sched sarathi --budget 100 --slo "$1" - >"$out"
            awk '$1 == "good_share" { print $2 }' "$out"
        done >shares
        awk -v given="$share" -v least="$2" 'NR == 1 && ($1 < least - 0.003 || $1 - given > 0.005 || given - $1 > 0.005) { bad = 1 }
            NR == 2 && $1 >= least { bad = 1 } END { exit bad }' shares
    }
    found ttft=0.5,tbt=0.03 0.9
    found ema_rate=40,ttft=1 0.8
    found prompt_rate=100 0.95
    # All but one in a hundred, where nothing is said.
    ok capacity --slo ttft=0.5 ../trace.jsonl
    cp "$out" usual
    ok capacity --slo ttft=0.5 --good-share 0.99 ../trace.jsonl
    cmp usual "$out"
    # With a bound beside them it is the smaller of both rates.
    ok capacity --slo ttft=0.5 --tbt 0.0001 ../trace.jsonl
    is 0.0000 "$(column 4 "$out")"
    same_for_all_threads trace-capacity --cost ../t.csv --kv-blocks 400 --slo ema_rate=20,ttft=1 \
        --scheds vllm0,sarathi --budgets 64,256 ../trace.jsonl
}

@test "what can never run is named" {
    sed '7s/"prompt":[0-9]*/"prompt":9000/; 9s/"prompt":[0-9]*/"prompt":9000/' ../trace.jsonl >big.jsonl
    exits 0 capacity --tbt 0.2 --scheds vllm0,sarathi big.jsonl
    is '0.0000 0.0000' "$(column 4 "$out" | paste -sd ' ')"
    for sched in 'vllm0, budget 4096' 'sarathi, budget 512'; do
        says "$sched: 2 requests can never run, so that no rate meets the objective; the first is 'r6'"
    done
    # In another order the first is one of them too.
    exits 0 capacity --tbt 0.2 --shuffle big.jsonl
    says "the first is 'r"
    [[ $message == *"'r6'"* || $message == *"'r8'"* ]]
    # Two of 400 are not good; that is not too many.
    exits 0 capacity --slo ttft=1 big.jsonl
    awk '!/^#/ { exit !($4 > 0 && $9 >= 0.99 && $9 < 1) }' "$out"
    says "2 requests can never run, and are not good; the first is 'r6'"
    ok capacity -q --tbt 0.2 big.jsonl
}

@test "a sweep: all combinations, each as it is alone, from any number of threads" {
    same_for_all_threads trace-capacity -q --cost ../t.csv --kv-blocks 400 --tbt 0.2 \
        --scheds vllm0,sarathi --budgets 64,256 ../trace.jsonl
    ok capacity -q --tbt 0.2 --scheds vllm0,sarathi --budgets 64,256 ../trace.jsonl
    cp "$out" sweep
    is 'vllm0 64,vllm0 256,sarathi 64,sarathi 256' "$(awk '!/^#/ { print $2, $3 }' sweep | paste -sd ,)"
    ok capacity -q --tbt 0.2 --sched sarathi --budget 256 ../trace.jsonl
    is "$(tail -n 1 sweep)" "$(tail -n 1 "$out")"
    cp ../t.csv slow.csv
    sed -i 's/^# num_layers=1/# num_layers=2/' slow.csv
    ok trace-capacity -q --costs ../t.csv,slow.csv --kv-blocks 400 --ttft 1 ../trace.jsonl
    awk -F '\t' '$1 == "../t.csv" { fast = $4 } $1 == "slow.csv" { slow = $4 }
        END { exit !(slow > 0 && fast > 1.5 * slow) }' "$out"
    ok capacity -q --tbt 0.2 --json ../trace.jsonl
    jq -e '.sched == "vllm0" and .capacity_per_s > 0' "$out" >/dev/null
}

@test "what no rate meets is 0; the trace's own times are of no matter" {
    ok capacity --tbt 0.0001 ../trace.jsonl
    is 0.0000 "$(column 4 "$out")"
    printf 'num_prefill_tokens,num_decode_tokens\n' >t.csv
    jq -r '[.prompt, .output] | @csv' ../trace.jsonl >>t.csv
    ok capacity -q --tbt 0.2 t.csv
    cp "$out" untimed
    ok capacity -q --tbt 0.2 ../trace.jsonl
    cmp untimed "$out"
    tac ../trace.jsonl >back.jsonl
    ok capacity -q --tbt 0.2 back.jsonl
    ok capacity -q --tbt 0.2 --seed 2 ../trace.jsonl
    differ untimed "$out"
}

@test "a random order, of requests to which it does not matter" {
    ok capacity -q --tbt 0.2 ../trace.jsonl
    cp "$out" order
    ok capacity -q --tbt 0.2 --shuffle ../trace.jsonl
    differ order "$out"
    cp "$out" once
    ok capacity -q --tbt 0.2 --shuffle ../trace.jsonl
    cmp once "$out"
    # Requests of one length are in order in any.
    sed 's/"prompt":[0-9]*,"output":[0-9]*/"prompt":50,"output":9/' ../trace.jsonl >alike.jsonl
    ok capacity -q --tbt 0.2 alike.jsonl
    cp "$out" order
    ok capacity -q --tbt 0.2 --shuffle alike.jsonl
    cmp order "$out"
    sed '2,$s/}$/,"after":["r0"]}/' ../trace.jsonl >after.jsonl
    fails capacity --tbt 0.2 --shuffle after.jsonl
    says 'not shuffled'
    sed '2s/}$/,"background":true}/' ../trace.jsonl >background.jsonl
    fails capacity --tbt 0.2 --shuffle background.jsonl
    says 'not shuffled'
}

@test "output: whole or not at all, and never lost without a word; errors" {
    writes_whole_or_not trace-capacity --cost ../t.csv --kv-blocks 400 --tbt 0.2 --precision 0.2 ../trace.jsonl
    reports_lost_output trace-capacity --cost ../t.csv --kv-blocks 400 --tbt 0.2 --precision 0.2 ../trace.jsonl
    fails capacity --tbt 0.2 none.jsonl
    says none.jsonl
    printf '{"id":"a","t_ns":0,"prompt":1,"output":0}\n' >bad.jsonl
    fails capacity --tbt 0.2 bad.jsonl
    says 'bad.jsonl: line 1'
    fails trace-capacity --costs ../t.csv,none.csv --tbt 0.2 ../trace.jsonl
    says none.csv
}

@test "Sarathi against prompts first, on Azure's conversations" {
    needs traces/azure
    trace-convert -q --clip 4096 "$shared/traces/azure/AzureLLMInferenceTrace_conv.csv" | head -n 4000 >conv.jsonl
    ok trace-capacity --cost roofline --model Llama-2-7B --gpu A100-80GB --tbt 0.1 \
        --scheds vllm0,sarathi --precision 0.02 conv.jsonl
    awk -F '\t' '$2 == "vllm0" { v = $4 } $2 == "sarathi" { s = $4 } END { exit !(v > 1 && s >= 2 * v) }' "$out"
}
