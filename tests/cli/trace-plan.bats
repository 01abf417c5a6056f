# trace-plan: plans for a model on GPUs, replayed and ranked; how many replicas it takes.
load helper
load trace

setup() {
    enter_work
    requests 120 >../trace.jsonl
}

plan() {
    trace-plan --model Llama-2-7B --machines 4xA100-80GB "$@"
}

# A70 ARG...: the plans of the paper's machine for a 70B model.
a70() {
    trace-plan --model Llama-2-70B --machines 8xA100-80GB "$@"
}

# of COLUMN [PLAN]: that column of $out, by its name in the header; of all plans, or one.
of() {
    awk -F '\t' -v name="$1" -v plan="${2-}" 'sub(/^# rank/, "rank") { for (i = 1; i <= NF; i++) if ($i == name) at = i }
        !/^#/ && $1 != "rank" && (plan == "" || $2 == plan) { print $at }' "$out"
}

# holds EXPRESSION: awk says so.
holds() {
    awk "BEGIN { exit !($1) }" && return
    echo "not so: $1"
    return 1
}

# long_outputs N: prompts of APEX's creation trace, and its outputs.
long_outputs() {
    trace-gen -n "$1" --prompt lognormal:308,300 --answer lognormal:1144,400 | trace-convert -q --clip 4096 -
}

# long_prompts N: those of papers to sum up, one every two seconds.
long_prompts() {
    trace-gen -n "$1" --rate 0.5 --prompt lognormal:2588,900 --answer lognormal:291,250 | trace-convert -q --clip 4096 -
}

@test "help, version, misuse" {
    helps trace-plan
    misuse trace-plan ../trace.jsonl
    says --model
    misuse trace-plan --model Llama-2-7B ../trace.jsonl
    says --machines
    for bad in '--machines 0xH100' '--machines H100' '--machines 8x' '--machines 8xH100,' '--machines 16385xH100' \
        '--machines 1000x1000xH100' '--gpu H100' '--tp 2' '--goal slo' '--goal best' '--capacity' \
        '--good-share 0' '--good-share 1.1' '--most-replicas 0' '--most-replicas 5000' '--scheds fifo' '--scheds ,' \
        '--price 1,2' '--price x' '--price -1' '--offline --rate 1' '--rate -1' '--node-gbs -1' '--slo what=1' \
        '--host-kv-blocks 5' '--dispatch fifo' '--svg -' '--svg same -o same' '--kv-blocks 0' '--top x'; do
        if [[ $bad == '--machines 8xH100,' ]]; then
            ok trace-plan --model Llama-2-7B $bad ../trace.jsonl # as lists are elsewhere
            continue
        fi
        # shellcheck disable=SC2086 # options and their arguments
        misuse plan $bad ../trace.jsonl
    done
    # the path of a card that is cut is another card's
    misuse trace-plan --model Llama-2-7B --gpu "$(printf %01100d 1)" ../trace.jsonl
    fails plan --rate 1e-12 ../trace.jsonl
    says centuries
}

@test "plans: all of them, named once, and why some are none" {
    ok a70 --all ../trace.jsonl
    cp "$out" all
    is 30 "$(of plan | sort -u | wc -l)"
    is '5 parameters' "$(of fit | sort | uniq -c | awk '$2 != "fits" { print $1, $2 }')"
    grep -q '^# 30 plans: 25 replayed; no room for parameters 5, for keys and values 0; no cost table 0;' "$out"
    # What has no room was not replayed.
    is 0.000 "$(of time_s dp8.pp1.tp1)" "$(of time_s dp1.pp1.attn1x8.ffn8x1)"
    is 0 "$(of rank dp8.pp1.tp1)"
    ok a70 ../trace.jsonl
    cmp <(head -n 27 all) "$out"
    ok a70 --top 3 ../trace.jsonl
    cmp <(head -n 5 all) "$out"
    # Blocks that are there, but not for the longest request.
    ok a70 --all --gpu-memory-utilization 0.82 <(echo '{"id":"a","t_ns":0,"prompt":9000,"output":90}')
    is kv "$(of fit dp4.pp1.tp2)"
    is fits "$(of fit dp1.pp1.tp8)"
    # APEX's own example: five plans, three of which fit.
    ok trace-plan --model Llama-3.1-70B --machines 2xH100 --gpu-memory-utilization 1 --all ../trace.jsonl
    is 3 "$(of fit | grep -c fits)"
    is 2 "$(of fit | grep -c parameters)"
    # Of a mixture experts may be whole on a GPU.
    ok trace-plan --model Mixtral-8x7B --machines 2x4xH100 --all ../trace.jsonl
    of plan | grep -qx dp1.pp2.attn4x1.ep1x4
    of plan | grep -qx dp1.pp1.attn1x8.ep1x8
    of plan | grep -qx dp2.pp1.attn1x4.ep2x2
}

@test "a plan alone is what trace-replay says" {
    # The same scheduler, GPUs and trace; two GPUs that share the model.
    ok trace-plan --model Llama-2-7B --machines 2xA100-80GB ../trace.jsonl
    is '' "$(of against_usual dp1.pp1.tp2 | grep -v 1.0000)"
    cp "$out" plans
    ok trace-replay --cost roofline --model Llama-2-7B --gpu A100-80GB --tp 2 --sched vllm1 ../trace.jsonl
    for what in ttft_mean ttft_p99 tpot_mean tbt_mean tbt_p99 e2e_mean e2e_p99; do
        mine=$(awk -v w=${what}_s '$1 == w { print $2 }' "$out")
        is "$mine" "$(out=plans of ${what}_s dp1.pp1.tp2)"
    done
    # Two replicas: each has every other request.
    for k in 0 1; do
        awk -v k=$k 'NR % 2 == k' ../trace.jsonl >half.$k
        ok trace-replay --cost roofline --model Llama-2-7B --gpu A100-80GB --sched vllm1 half.$k
        awk '$1 == "ttft_mean_s" { print $2 }' "$out" >>ttft
    done
    holds "($(awk '{ s += $1 / 2 } END { print s }' ttft) - $(out=plans of ttft_mean_s dp2.pp1.tp1)) ^ 2 < 1e-10"
}

@test "goals: each ranks by what it says; money and energy by the cards" {
    # ranks GOAL COLUMN [-r]
    ranks() {
        ok a70 --goal "$1" --slo ttft=0.1,tbt=0.03 ../trace.jsonl
        of "$2" >got
        # shellcheck disable=SC2086 # none, or one
        sort -g ${3-} -c got
        is "$(of rank | sort -n)" "$(of rank)"
    }
    ranks time time_s
    ranks latency e2e_mean_s
    ranks energy energy_j
    ranks cost cost
    ranks slo good_share -r
    of good_share | sort -u | awk 'END { exit NR < 2 }'
    # An hour of eight, two dollars each; and what eight draw, 60 W and 400 W while they work.
    awk -F '\t' 'NR == 1 { for (i = 1; i <= NF; i++) c[$i] = i }
        !/^#/ { n++; t = $c["time_s"]; e = 8 * t * (60 + 340 * $c["busy_share"])
                if ($c["hour_cost"] != 16 || ($c["cost"] - 16 * t / 3600) ^ 2 > 1e-6 ||
                    ($c["energy_j"] - e) ^ 2 > 1e-4 * e * e) bad = 1 }
        END { exit bad || n != 25 }' "$out"
    ok a70 --price 3.5 ../trace.jsonl
    is 28.0000 "$(of hour_cost dp1.pp1.tp8)"
    # Two kinds in one ranking.
    ok trace-plan --model Llama-2-70B --machines 8xA100-80GB,4xH100,4xT4 --price 2,3,1 --all ../trace.jsonl
    is '4xH100 4xT4 8xA100-80GB' "$(of machines | sort -u | paste -sd ' ')"
    is '' "$(of fit | paste - <(of machines) | grep T4 | grep fits)"
}

@test "the ranking turns over: long prompts want one model over all GPUs, long outputs more models" {
    long_prompts 1000 >prompts.jsonl
    long_outputs 4000 >outputs.jsonl
    ok a70 --max-num-seqs 128 prompts.jsonl
    cp "$out" prompts
    is dp1.pp1.tp8 "$(of plan | head -n 1)"
    ok a70 --max-num-seqs 128 --offline outputs.jsonl
    is dp2.pp1.tp4 "$(of plan | head -n 1)"
    # How much it is worth: against all GPUs for one model, and against the worst that fits.
    holds "$(of against_usual dp2.pp1.tp4) >= 1.1"
    holds "$(of time_s | tail -n 1) >= 2 * $(of time_s | head -n 1)"
    # Neither is a matter of chance.
    holds "$(out=prompts of e2e_mean_s dp2.pp1.tp4) > 1.3 * $(out=prompts of e2e_mean_s dp1.pp1.tp8)"
    for seed in 2 3; do
        trace-gen --seed $seed -n 4000 --prompt lognormal:308,300 --answer lognormal:1144,400 |
            trace-convert -q --clip 4096 - >again.jsonl
        ok a70 --max-num-seqs 128 --offline --top 1 again.jsonl
        is dp2.pp1.tp4 "$(of plan)"
        holds "$(of against_usual) >= 1.1"
    done
    # Links that are slow want stages.
    ok trace-plan --model Llama-2-70B --machines 8xL40S --offline --top 1 <(head -n 2000 outputs.jsonl)
    is dp1.pp2.tp4 "$(of plan)"
    holds "$(of against_usual) >= 1.1"
}

@test "little to do, and a model that fits one GPU: no plan is much better" {
    trace-gen -n 1000 --rate 0.1 --prompt 200 --answer 50 >calm.jsonl
    ok plan calm.jsonl
    holds "$(of time_s | tail -n 1) < 1.01 * $(of time_s | head -n 1)"
    # Each has the same requests to itself: as many replicas as there may be make no difference.
    holds "($(of ttft_mean_s dp4.pp1.tp1) - $(of ttft_mean_s dp2.pp2.tp1)) ^ 2 < 1e-4"
    # All at once there is a difference.
    ok plan --offline calm.jsonl
    holds "$(of time_s | tail -n 1) > 1.2 * $(of time_s | head -n 1)"
}

@test "a mean step is Vidur's; tables say of which plans they are" {
    needs reference/vidur
    trace-convert -q --clip 4096 "$shared/reference/vidur/conv_n1000_poisson3.0_s42.csv" >vidur.jsonl
    want=$(awk -F , 'NR > 1 && $3 > 1 { t += $5 - $4; n += $3 - 1 } END { print t / n }' \
        "$shared/reference/vidur/l2-7b-a100-tp1-vllm-conv3.0.csv")
    # near MODEL SHARE
    near() {
        ok trace-plan --model Llama-2-7B --gpu A100-80GB --cost "$1" --sched vllm0 --compat vidur vidur.jsonl
        is dp1.pp1.tp1 "$(of plan)"
        got=$(of tbt_mean_s)
        holds "$got < $want * (1 + $2) && $got > $want * (1 - $2)"
    }
    near roofline 0.1
    near "$shared/costmodel/a100_llama-2-7b_tp1.csv" 0.01
    two=$shared/costmodel/a100_llama-2-70b_tp2.csv four=$shared/costmodel/a100_llama-2-70b_tp4.csv
    # As measured: long prompts want more GPUs for a stage, long outputs more stages and models.
    long_prompts 1000 >prompts.jsonl
    long_outputs 2000 >outputs.jsonl
    ok a70 --cost "$two,$four" prompts.jsonl
    is 'dp2.pp1.tp4 dp1.pp2.tp4' "$(of plan | head -n 2 | paste -sd ' ')"
    ok a70 --offline --cost "$two,$four" outputs.jsonl
    is dp2.pp2.tp2 "$(of plan | head -n 1)"
    head -n 300 outputs.jsonl >few.jsonl
    mv few.jsonl outputs.jsonl
    ok a70 --all --offline --cost "$two,$four" outputs.jsonl
    is 'dp1.pp2.tp4 dp1.pp4.tp2 dp2.pp1.tp4 dp2.pp2.tp2 dp4.pp1.tp2' \
        "$(paste <(of plan) <(of fit) | awk '$2 == "fits" { print $1 }' | sort | paste -sd ' ')"
    is 25 "$(of fit | grep -c table)"
    is "$two" "$(of cost_model dp2.pp2.tp2)"
    ok a70 --offline --cost "$two,$four,roofline" outputs.jsonl
    is roofline "$(of cost_model dp1.pp1.tp8)"
    is "$four" "$(of cost_model dp1.pp2.tp4)"
    # Beyond what was measured, and not of such GPUs.
    fails a70 --offline --cost "$two" --max-num-seqs 1000 <(long_outputs 3000)
    says '8xA100-80GB: dp'
    says 'beyond the cost table'
    fails trace-plan --model Llama-2-70B --machines 8xA100-80GB,8xH100 --cost "$two" outputs.jsonl
    says 'of one kind of GPU'
}

@test "capacity: so many replicas, of this kind, under that scheduler" {
    capacity() {
        trace-plan --model Llama-2-7B --capacity --slo ttft=0.3,tbt=0.05 "$@"
    }
    trace-gen -n 300 --prompt lognormal:500,300 --answer lognormal:100,50 >load.jsonl
    ok capacity --machines 2xA100-80GB,2xT4 --rate 10 --scheds vllm1,vllm0 load.jsonl
    cp "$out" found
    of hour_cost >costs
    sort -gc costs
    is true "$(of met | head -n 1)"
    is 'vllm0 vllm1' "$(of sched | sort -u | paste -sd ' ')"
    # With one replica fewer the share that is good is below what was asked for.
    best=$(of plan | head -n 1)
    n=${best#dp}
    n=${n%%.*}
    holds "$(of good_share | head -n 1) >= 0.99"
    # More load, more GPUs.
    ok capacity --machines 2xA100-80GB --rate 40 --scheds vllm1,vllm0 load.jsonl
    holds "$(of gpus | head -n 1) > $(out=found of gpus | head -n 1)"
    # Who is cheap is taken.
    ok capacity --machines 2xA100-80GB,2xH100 --price 1,100 --rate 40 load.jsonl
    is 2xA100-80GB "$(of machines | head -n 1)"
    ok capacity --machines 2xA100-80GB,2xH100 --price 100,1 --rate 40 load.jsonl
    is 2xH100 "$(of machines | head -n 1)"
    # What no number can is told apart from what too few were tried of.
    ok capacity --machines 1xA100-80GB --rate 10 --slo ttft=0.001 --all load.jsonl
    is objective "$(of fit)"
    ok capacity --machines 1xA100-80GB --rate 100 --most-replicas 1 load.jsonl
    is false "$(of met)" "$(of front)"
    ok capacity --machines 2xA100-80GB --rate 200 --most-replicas 6 --svg few.svg load.jsonl
    is 'false true' "$(of met | sort -u | paste -sd ' ')"
    is "$(of met | grep -c true)" "$(grep -o '2xA100-80GB dp[^<]*vllm1' few.svg | sort -u | wc -l)"
    same_for_all_threads trace-plan --model Llama-2-7B --capacity --slo ttft=0.3,tbt=0.05 \
        --machines 2xA100-80GB --rate 10 load.jsonl
}

@test "more threads than there can be" {
    ok plan -T 1 ../trace.jsonl
    cp "$out" one
    not_under_valgrind 'it has room for 500 threads'
    ok plan -T 1000000 ../trace.jsonl
    cmp one "$out"
}

@test "200 plans: the same from any number of threads, as TSV and JSON" {
    same_for_all_threads trace-plan --model Mixtral-8x22B --machines 8x8xH100 --all ../trace.jsonl
    cp default "$out"
    cp default rows
    is 182 "$(of plan | sort -u | wc -l)"
    ok trace-plan --model Mixtral-8x22B --machines 8x8xH100 --all --json ../trace.jsonl
    is 182 "$(jq -s length "$out")"
    is "$(out=rows of time_s)" "$(jq -r '.time_s' "$out" | awk '{ printf "%.3f\n", $1 }')"
    jq -e 'select(.fit != "fits") | .against_usual == null and .rank == 0' "$out" >/dev/null
}

@test "times: the trace's, at random, all at once" {
    ok plan ../trace.jsonl
    cp "$out" own
    ok plan --rate 5 ../trace.jsonl
    differ own "$out"
    cp "$out" random
    ok plan --rate 5 --seed 2 ../trace.jsonl
    differ random "$out"
    printf 'num_prefill_tokens,num_decode_tokens\n' >untimed.csv
    jq -r '[.prompt, .output] | @csv' ../trace.jsonl >>untimed.csv
    ok plan --rate 5 --seed 2 untimed.csv
    cmp <(plan --rate 5 --seed 2 ../trace.jsonl) "$out"
    cmp <(trace-convert --rate 5 --seed 2 ../trace.jsonl | plan -) "$out"
    ok plan --offline untimed.csv
    cp "$out" offline
    sed 's/"t_ns":[0-9]*/"t_ns":0/' ../trace.jsonl >zero.jsonl
    ok plan zero.jsonl
    cmp offline "$out"
    fails plan untimed.csv
    says 'has no time'
    ok plan --check --offline untimed.csv
    cmp offline "$out"
    # To whom the requests go.
    ok plan --dispatch shortest-tokens ../trace.jsonl
    differ own "$out"
    is "$(out=own of time_s dp1.pp1.tp4)" "$(of time_s dp1.pp1.tp4)"
}

@test "the picture" {
    ok plan --svg picture.svg ../trace.jsonl
    grep -q '^<svg ' picture.svg || head -n 3 picture.svg | grep -q '<svg'
    grep -q '>4xA100-80GB<' picture.svg
    grep -q 'none has less of both' picture.svg
    # Each plan that fits is there, and once more on the front.
    is "$(of plan | wc -l)" "$(grep -o '4xA100-80GB dp[^<]*vllm1' picture.svg | sort -u | wc -l)"
    is true "$(of front | head -n 1)"
    fails plan --svg no/such/file ../trace.jsonl
    says no/such/file
    ok plan -o rows --svg - ../trace.jsonl
    cmp picture.svg "$out"
}

@test "output: whole or not at all, and never lost without a word; errors" {
    writes_whole_or_not trace-plan --model Llama-2-7B --machines 2xH100 ../trace.jsonl
    reports_lost_output trace-plan --model Llama-2-7B --machines 2xH100 ../trace.jsonl
    fails plan none.jsonl
    says none.jsonl
    : >empty.jsonl
    fails plan empty.jsonl
    says empty.jsonl
    fails trace-plan --model GPT-9 --machines 2xH100 ../trace.jsonl
    says GPT-9
    fails trace-plan --model Llama-2-7B --machines 2xnone.json ../trace.jsonl
    says none.json
    fails plan --cost none.csv ../trace.jsonl
    says none.csv
    sed '2,$s/}$/,"after":["r0"]}/' ../trace.jsonl >after.jsonl
    ok plan --top 1 after.jsonl
    holds "$(of time_s) > 1"
    ok trace-cost --model-card Mixtral-8x7B
    jq '.active_experts = 9' "$out" >bad.json
    fails trace-plan --model bad.json --machines 2xH100 ../trace.jsonl
    says "'active_experts' is 1 to 'experts'"
    ok trace-cost --gpu-card H100
    jq 'del(.node_gbs)' "$out" >island.json
    fails trace-plan --model Llama-2-7B --machines 2x1xisland.json ../trace.jsonl
    says --node-gbs
    ok trace-plan --model Llama-2-7B --machines 2x1xisland.json --node-gbs 10 --node-us 20 ../trace.jsonl
}
