#!/bin/sh
# Starts Redis with the password of a file: on the command line every process of the machine could read it.
set -eu
umask 077
printf 'requirepass %s\n' "$(cat "$REDIS_PASSWORD_FILE")" > /tmp/redis.conf
# Nothing is kept on disk: events are in the outbox, and counts of rates are worth a minute.
exec redis-server /tmp/redis.conf --save '' --appendonly no --maxmemory 512mb --maxmemory-policy volatile-lru --dir /tmp
