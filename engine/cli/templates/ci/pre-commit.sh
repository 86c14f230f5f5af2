#!/bin/sh
# Written by `engine ci init pre-commit`; edit it as you like, it is not written again.
#
# Alone: git config core.hooksPath .githooks
# With the pre-commit framework: .pre-commit-config.yaml runs this file.
#
# Fast checks before a commit. No round is begun after the budget, so the hook ends soon after it. A broken expectation, a
# step that fails or a wrong scenario stops the commit; what is only unsure, or what the budget cut off, does not.
set -u
budget='@BUDGET@'
for scenario in @SCENARIOS@; do
    engine run "$scenario" --profile short --max-time "$budget" --quiet --out "${TMPDIR:-/tmp}/engine-pre-commit"
    code=$?
    case "$code" in
    0 | 12 | 31) ;;
    4) echo "engine: nothing in $scenario can run here" >&2 ;;
    *)
        echo "engine: $scenario ended with $code; 'engine explain $code' says more, 'git commit --no-verify' goes on" >&2
        exit "$code"
        ;;
    esac
done
