#!/bin/sh
# Reads one customer into a schema of its own: ./run.sh customer-17
set -eu
export TAP_EXACTONLINE_CLIENT_ID="$EXACT_CLIENT_ID" TAP_EXACTONLINE_CLIENT_SECRET="$EXACT_CLIENT_SECRET"
export TAP_EXACTONLINE_TOKEN_STORE="$EXACT_TOKEN_STORE" TAP_EXACTONLINE_CONNECTION="$1"
export TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA="exact_$(printf %s "$1" | tr '.-' '__')"
exec meltano run --state-id-suffix="$1" tap-exactonline target-postgres
