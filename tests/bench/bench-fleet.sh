#!/usr/bin/env bash
# bench-fleet.sh BUILD_DIR [PART...]: what replays of a fleet must show, figure by figure: Llumnix, FastSwitch, BatchLLM,
# HexGen-Text2SQL, APEX, ParaThinker, Sleep-time compute, BlockLLM, a fleet's speed, and dispatch by prefixes on Mooncake's trace.
#
# Values of several runs, by seeds 1 2 3 if nothing else is said (what takes long by 1 alone without FULL=1), are joined by commas,
# and all must be as asked. Loads and machines are those of the tests: their functions are taken from tests/cli. What needs public
# data that is not there is left out, with a remark. Simulated figures are the same on every machine at any load; times are processor
# seconds, the least of two runs (FULL=1: three), as others may be at work.
#
# Rows as claims.sh says, in BUILD_DIR/bench/fleet.tsv; a minute and a half. Needs jq.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/bench/claims.sh
. "$here/claims.sh"
# shellcheck source=tests/bench/fleet-dispatch.sh
. "$here/fleet-dispatch.sh"
# shellcheck source=tests/bench/fleet-policies.sh
. "$here/fleet-policies.sh"
# shellcheck source=tests/bench/fleet-programs.sh
. "$here/fleet-programs.sh"
# shellcheck source=tests/cli/trace.bash
. "$here/../cli/trace.bash"
# shellcheck source=tests/cli/blocks.bash
. "$here/../cli/blocks.bash"

claims fleet 'llumnix fastswitch batchllm hexgen apex parathink sleep_time blockllm fleet mooncake' "$@"
