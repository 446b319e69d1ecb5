#!/usr/bin/env bash
# A throwaway Slurm cluster on loopback for tests: munged + slurmctld + N slurmd, no systemd, no cgroup, nothing under /etc.
# Usage: slurm-local.sh install|start|stop|restart|status|env|kill-node NAME|start-node NAME     (idempotent; needs root)
# Vars: D (state dir), NODES (default 2), CPUS per node (default 4), MEM MB per node, PORT0 (default 17000: ctld, +i: slurmd i)
# After start:  export SLURM_CONF=$D/slurm.conf ; srun -N1 -n1 hostname
set -euo pipefail
D=${D:-/tmp/tea-slurm}; NODES=${NODES:-2}; CPUS=${CPUS:-4}; MEM=${MEM:-2000}; PORT0=${PORT0:-17000}
export SLURM_CONF=$D/slurm.conf
live() { [ -s "$1" ] && P=$(cat "$1" 2>/dev/null) && [ -r /proc/$P/stat ] && ! grep -qE '^[0-9]+ \(.*\) Z' /proc/$P/stat; }
install() {
  local need=(); for b in slurmctld slurmd srun munged; do PATH=$PATH:/usr/sbin command -v $b >/dev/null || need+=($b); done
  [ ${#need[@]} = 0 ] && return 0
  # keep postinst scripts from starting daemons
  local made=; if [ ! -e /usr/sbin/policy-rc.d ]; then printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d; made=1; fi
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends slurmctld slurmd slurm-client munge >"${LOG:-/tmp/tea-slurm-apt.log}" 2>&1 || { apt-get update >/dev/null 2>&1; DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends slurmctld slurmd slurm-client munge; }
  [ -z "$made" ] || rm -f /usr/sbin/policy-rc.d
}
conf() {
  mkdir -p "$D"/{ctld,log,run}; chmod 755 "$D" "$D"/*; local h; h=$(hostname -s)
  [ -s "$D/munge.key" ] || { (umask 077; head -c 128 /dev/urandom > "$D/munge.key"); }
  chown root "$D/munge.key"; chmod 600 "$D/munge.key"
  cat > "$D/slurm.conf" <<C
ClusterName=wftest
SlurmctldHost=$h(127.0.0.1)
SlurmctldPort=$PORT0
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$D/run/munge.sock
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=${SCHEDPARAMS:-batch_sched_delay=0,sched_interval=5,defer_batch}
ReturnToService=2
SlurmdTimeout=${SLURMDTIMEOUT:-15}
SlurmctldTimeout=30
InactiveLimit=0
KillWait=${KILLWAIT:-2}
MinJobAge=30
Waittime=0
CompleteWait=0
EpilogMsgTime=0
SlurmdParameters=config_overrides
LaunchParameters=${LAUNCHPARAMS:-}
StateSaveLocation=$D/ctld
SlurmdSpoolDir=$D/spool-%n
SlurmctldPidFile=$D/run/slurmctld.pid
SlurmdPidFile=$D/run/slurmd-%n.pid
SlurmctldLogFile=$D/log/slurmctld.log
SlurmdLogFile=$D/log/slurmd-%n.log
SlurmctldDebug=info
SlurmdDebug=info
${EXTRACONF:-}
C
  for i in $(seq "$NODES"); do echo "NodeName=n$i NodeHostname=${NODEHOST:-$h} NodeAddr=127.0.0.1 Port=$((PORT0+i)) CPUs=$CPUS RealMemory=$MEM State=UNKNOWN"; done >> "$D/slurm.conf"
  sed -i '/^LaunchParameters=$/d' "$D/slurm.conf"
  echo "PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO" >> "$D/slurm.conf"
}
start_node() { # each slurmd in its own UTS namespace would also do; the Debian build accepts -N
  live "$D/run/slurmd-$1.pid" || { mkdir -p "$D/spool-$1"; slurmd -N "$1" -c -f "$SLURM_CONF"; }; }
start() {
  install; conf
  live "$D/run/munged.pid" || { rm -f "$D/run/munge.sock"*; munged --force --key-file="$D/munge.key" --socket="$D/run/munge.sock" --pid-file="$D/run/munged.pid" --log-file="$D/log/munged.log" --seed-file="$D/run/munge.seed"; }
  live "$D/run/slurmctld.pid" || slurmctld $([ -n "${KEEP:-}" ] || echo -c) -f "$SLURM_CONF"   # KEEP=1: recover jobs of a killed slurmctld
  for i in $(seq "$NODES"); do start_node n$i; done
  for i in $(seq 200); do [ "$(sinfo -h -t idle,mix,alloc -o '%D' 2>/dev/null | paste -sd+ | bc 2>/dev/null || sinfo -h -N -t idle,mix,alloc 2>/dev/null | wc -l)" = "$NODES" ] && { sinfo -N; return 0; }; sleep 0.1; done
  sinfo -N || true; tail -5 "$D"/log/*.log; return 1
}
stopf() { if live "$1"; then kill "${2:--TERM}" "$P"; for i in $(seq 100); do live "$1" || break; sleep 0.05; done; if live "$1"; then kill -9 "$P"; fi; fi; rm -f "$1"; }
stop() {
  [ -s "$SLURM_CONF" ] || return 0
  if live "$D/run/slurmctld.pid"; then timeout 5 scancel -u "$(id -un)" >/dev/null 2>&1 || true; for i in $(seq 20); do [ -z "$(timeout 2 squeue -h 2>/dev/null)" ] && break; sleep 0.1; done; fi
  for f in "$D"/run/slurmd-*.pid; do [ -e "$f" ] && stopf "$f"; done
  stopf "$D/run/slurmctld.pid"; stopf "$D/run/munged.pid"
  # stepds of this cluster only (their argv carries no conf path, so match by spool dir in cwd/fds is overkill: use SLURM_CONF in environ)
  for p in $(pgrep -x slurmstepd || true); do { tr '\0' '\n' </proc/$p/environ; } 2>/dev/null | grep -qx "SLURM_CONF=$SLURM_CONF" && kill -9 $p || true; done
}
case "${1:-start}" in
  install) install;; start) start;; stop) stop;; restart) stop; start;; status) sinfo -N;; env) echo "export SLURM_CONF=$SLURM_CONF";;
  kill-node) stopf "$D/run/slurmd-$2.pid" -KILL;; start-node) start_node "$2";;
  *) sed -n 2,5p "$0"; exit 2;;
esac
