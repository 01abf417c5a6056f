#!/usr/bin/env bash
# slurm.sh BIN_DIR - do the batch scripts of fm-build(1), "Shards and clusters", do on a real Slurm
# what they say, also when tasks and the node are lost?
#
# A Slurm of this test's own is started: munged, slurmctld and one node's slurmd, on this machine,
# with folders and ports of their own, and torn down at the end. Needs root and Debian's slurm-wlm
# and munge (make deps-cluster). Prints a line a check; exit 1 if one fails.
# shellcheck source=tests/cluster/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

for program in munged slurmctld slurmd sbatch; do
    PATH=$PATH:/usr/sbin command -v "$program" >/dev/null || skip 'slurm is not installed'
done
[[ $(id -u) == 0 ]] || skip 'a Slurm of its own needs root'

PATH=$PATH:/usr/sbin
work=$(mktemp -d /tmp/sluice-slurm-XXXXXX)
node=$(hostname -s)
export SLURM_CONF=$work/slurm.conf
unset "${!SBATCH_@}" # the test's defaults, not those of whoever runs it

pid_of() {
    [[ -s $1 ]] && cat "$1"
}

tear_down() {
    local file
    scancel --user root
    within 10 nothing_runs
    for file in slurmd.pid slurmctld.pid munge/pid; do
        kill "$(pid_of "$work/$file")"
    done
    within 10 all_gone
    rm -rf "$work"
} 2>/dev/null >&2

nothing_runs() {
    [[ -z $(squeue -h) ]]
}

all_gone() {
    local file
    for file in slurmd.pid slurmctld.pid munge/pid; do
        [[ ! -s $work/$file ]] || ! kill -0 "$(cat "$work/$file")" 2>/dev/null || return
    done
}

free_ports() {
    local port
    for ((port = 20000 + RANDOM; ; port += 2)); do
        ss -Htan "( sport = :$port or sport = :$((port + 1)) )" | grep -q . || break
    done
    echo $port
}

configure() {
    local port
    port=$(free_ports)
    cat <<END
ClusterName=sluice
SlurmctldHost=$node(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$work/munge/socket
SlurmctldPort=$port
SlurmdPort=$((port + 1))
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
ReturnToService=0
SlurmdParameters=config_overrides
KillWait=1
NodeName=$node NodeAddr=127.0.0.1 CPUs=4
PartitionName=all Nodes=ALL Default=YES State=UP
END
}

start_munge() {
    mkdir "$work/munge"
    head -c 1024 /dev/urandom >"$work/munge/key"
    chmod 400 "$work/munge/key"
    chown -R munge "$work/munge"
    runuser -u munge -- munged --force -S "$work/munge/socket" --key-file="$work/munge/key" \
        --pid-file="$work/munge/pid" --log-file="$work/munge/log" --seed-file="$work/munge/seed"
}

start_slurm() {
    chmod 755 "$work"
    mkdir "$work/state" "$work/spool" "$work/log"
    configure >"$SLURM_CONF"
    start_munge && slurmctld && slurmd && within 30 node_is idle
}

node_is() {
    [[ $(sinfo -h -o %T) == "$1" ]]
}

task_is() {
    [[ " ${*:2} " == *" $(squeue -h -t all -o %T -j "${job}_$1") "* ]]
}

submit() {
    sbatch --parsable --output="$work/log/%x.%a" "$@"
}

# again TASK: a task is requeued, and done. It would wait for two minutes, but not here; on a busy
# machine a late message of its first end may take it off the queue once more.
again() {
    within 40 hurried "$1" && within 20 finished "${job}_$1"
}

hurried() {
    [[ -e corpus.$1.fmi ]] && return
    if task_is "$1" PENDING; then
        scontrol update JobId="${job}_$1" StartTime=now
    elif task_is "$1" FAILED CANCELLED; then
        scontrol requeue "${job}_$1"
    fi
    sleep 1
    false
}

# squeue's silence alone would also mean that it has failed
finished() {
    local left
    left=$(squeue -h -j "$1") && [[ -z $left ]]
}

# A running task is killed and requeued.
requeue_one() {
    within 30 test -s "$work/stopped.1" && scontrol requeue "${job}_1" && again 1
}

# A running task is cancelled, as if by mistake, and requeued.
cancel_one() {
    within 30 test -s "$work/stopped.2" && scancel "${job}_2" &&
        within 20 task_is 2 COMPLETING CANCELLED && again 2
}

# A task fails as its fm-build is killed, say for lack of memory, and is requeued.
fail_one() {
    local pids
    within 30 test -s "$work/stopped.0" && read -ra pids <"$work/stopped.0" &&
        kill -KILL "${pids[0]}" && within 20 task_is 0 FAILED && again 0
}

# The dependent job has given up waiting for an array of which a task did not end well at once.
wait_anew() {
    scontrol update JobId="$after" Dependency="afterok:${job}_0:${job}_1:${job}_2:${job}_3"
}

# All that runs on the node dies at once, and its local disk is empty when it comes back.
lose_node() {
    local pids
    within 30 test -s "$work/stopped.3" && within 30 only_runs "${job}_3" || return
    read -ra pids <"$work/stopped.3"
    # from above, so that none can tell of the end of the one below it
    kill -KILL "$(cat "$work/slurmd.pid")" "${pids[2]}" "${pids[1]}" "${pids[0]}"
    scontrol update NodeName="$node" State=down Reason=lost
    within 20 task_is 3 PENDING || return
    rm -rf "$work/spool" "$work/slurmd.pid"
    mkdir "$work/spool"
    slurmd && within 20 node_is down && sleep 1 && scontrol update NodeName="$node" State=resume &&
        within 20 node_is idle && again 3
}

only_runs() {
    [[ $(squeue -h -r -t running,completing -o %i) == "$1" ]]
}

completed() {
    within 60 finished "$1" && ! scontrol show job "$1" | grep JobState= | grep -v JobState=COMPLETED
}

trap tear_down EXIT
trap 'exit 1' INT TERM HUP
check 'munged, slurmctld and slurmd start' start_slurm || exit 1
mkdir "$work/corpus"
cd "$work/corpus" || exit 1
check 'a corpus, its index and its shards by one process' make_corpus || exit 1
make_stopping_build
from_man --job-name=shard >"$work/shard.sh"
from_man --job-name=set >"$work/set.sh"
[[ -x $bin/fm-merge ]] || cat >"$work/set.sh" <<'END' # until there is one
#!/bin/sh
{ echo 'sluice-set 1'; ls corpus.*.fmi; } >corpus.fmi
END

touch "$work/stop."{0,1,2,3}
job=$(submit --array=0-$((shards - 1)) --cpus-per-task=1 "$work/shard.sh" "$shards")
after=$(submit --dependency="afterok:$job" "$work/set.sh")
check 'a running task is requeued' requeue_one
check 'a running task is cancelled and requeued' cancel_one
check 'a task fails and is requeued' fail_one
check 'the dependent job is told to wait anew' wait_anew
check 'the node is lost while a task runs, and comes back' lose_node
check 'the array ends well' completed "$job"
check 'the dependent job runs after it, and ends well' completed "$after"
check 'every shard was built twice' attempts 2 2 2 2
check 'the shards are those of one process, and nothing else is left' same_shards corpus.fmi
check 'the set answers as the single index' same_answers corpus.fmi
[[ ! -x $bin/fm-merge ]] || check 'the shards, merged, are the single index' same_merged
[[ $failed == 0 ]] || { scontrol show job; tail -n 60 "$work"/log/* "$work"/*.log; } >&2
done_testing
