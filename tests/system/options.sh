#!/bin/bash
# options.sh BUILD - what --help offers, the README explains: every option of every command.
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
. "$(dirname "$0")/lib.sh" "$@"
readme=$(dirname "$0")/../../README.md

# What a command's --help lists: the letter of an option that has one, else its name.
options_of() {
    "$build/gigogne" "$1" --help | sed -nE 's/^ +(-[a-z]), .*/\1/p; s/^ +(--[a-z-]+).*/\1/p' | grep -v -e --usage -e -?
}

for command in run walk vmcs sweep; do
    verdict "$command has options" [ "$(options_of $command | wc -l)" -ge 2 ]
    for option in $(options_of $command); do
        verdict "$command $option is in the README" grep -qE -- "(^|[^-a-z])$option([^-a-z]|$)" "$readme"
    done
done

# And the other way round: the table's options are there.
while read -r option; do
    verdict "run $option of the README's table is offered" grep -qE -- "^ +(-[a-z], )?$option([=[ ]|$)|^ +$option, " <("$build/gigogne" run --help)
done < <(sed -n '/^| option of `run`/,/^$/p' "$readme" | grep -oE '`-{1,2}[a-z][a-z-]*' | tr -d '`' | sort -u)
finish
