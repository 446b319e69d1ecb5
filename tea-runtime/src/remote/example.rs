//! Commented pool files, to begin with.

/// The engines, each with a pool file.
pub(crate) const ALL: &[(&str, &str)] = &[
    ("command", COMMAND),
    ("flux", FLUX),
    ("grid-engine", GRID_ENGINE),
    ("hyperqueue", HYPERQUEUE),
    ("kubernetes", KUBERNETES),
    ("lsf", LSF),
    ("mpich", MPICH),
    ("openmpi", OPEN_MPI),
    ("pbs", PBS),
    ("slurm", SLURM),
    ("ssh", SSH),
];

const SLURM: &str = r#"# Hosts that Slurm gives. `PROGRAM pool check FILE` says whether they can be used.
engine = "slurm"

# How many hosts there may be, asked for while branches wait, and how many are kept. Inside an allocation, its nodes are the hosts.
hosts = { min = 0, max = 8 }

# The branches and items that a host runs at once: a number, or "cpus" for as many processors as Slurm gives there.
slots = "cpus"

# A host with nothing to do is given back after this time.
idle = "2m"

[slurm]
# Options of `srun`, each in one word.
options = ["--cpus-per-task=4", "--mem=8G"]
# How long a host may be used. No branch starts there that would not end in time.
walltime = "1h"

[host]
# "shared": nodes see the program under the path that it has here. Or the path of a build for them.
binary = "shared"
# A line for a login shell, before the agent:
# before = "module load hdf5/1.14"
# Variables that workers get as the program has them:
# env = ["RUST_LOG"]
# A node that does not see the files in this directory is refused.
files = "shared"

[network]
# Where agents connect to the program: "auto", or an address of this machine that nodes reach, and ports:
# "10.0.0.5:60001-60100". Without ports, those of `SrunPortRange` if slurm.conf has it, and otherwise any.
listen = "auto"
"#;

const MPICH: &str = r#"# Hosts that `mpiexec` of MPICH reaches. This recipe has been tested with MPICH 4.0, and both hosts on one machine.
engine = "command"

# The command is run so many times; `{host}` is 1, 2 and so on.
hosts = 2

[command]
launch = ["mpiexec", "-n", "1", "-host", "node{host}", "sh", "-c", "{agent}"]
# The agent learns on its standard input how to connect to the program.
transport = "dial"
"#;

const OPEN_MPI: &str = r#"# Hosts that `mpirun` of Open MPI reaches. This recipe has been tested with Open MPI 4.1, and both hosts on one machine.
engine = "command"

# The command is run so many times; `{host}` is 1, 2 and so on.
hosts = 2

[command]
launch = ["mpirun", "-n", "1", "--bind-to", "none", "--host", "node{host}", "sh", "-c", "{agent}"]
# As root, it also wants "--allow-run-as-root".
# The agent learns on its standard input how to connect to the program.
transport = "dial"
"#;

const HYPERQUEUE: &str = r#"# Hosts that HyperQueue gives. This recipe has not been tested.
engine = "command"
hosts = { min = 0, max = 8 }
idle = "2m"

[command]
launch = ["hq", "submit", "--name=tea-{lease}", "--stdin", "--", "sh", "-c", "{agent}"]
cancel = ["sh", "-c", "hq job list --output-mode json | jq '.[] | select(.name == \"tea-{lease}\").id' | xargs -n 1 hq job cancel"]
transport = "dial"
"#;

const GRID_ENGINE: &str = r#"# Hosts that Grid Engine gives. This recipe has been tested with Grid Engine 8.1.9, and both hosts on one machine.
engine = "command"
hosts = { min = 0, max = 8 }
idle = "2m"

# The branches and items that a host runs at once: as many as the slots of `-pe` below.
slots = 4

[command]
# `smp` is what a parallel environment on one host is often called; `qconf -spl` lists those of this cluster.
# `qsub` stays until Grid Engine tells it that its job has ended (`-sync y`): an agent that cannot start is noticed at once, and
# `tea-agents.log` says why.
launch = ["sh", "-c", 'exec qsub "$@" > /dev/null', "qsub", "-sync", "y", "-r", "n", "-N", "tea-{lease}", "-pe", "smp", "4",
  "-cwd", "-j", "y", "-o", "tea-agents.log", "-b", "y", "-shell", "n", "/bin/sh", "-c", "{agent}"]
cancel = ["qdel", "tea-{lease}"]
# A job has no standard input: it learns from a file in this directory how to connect to the program.
transport = "dial"
secret = "file"
"#;

const PBS: &str = r#"# Hosts that PBS gives. This recipe has not been tested.
engine = "command"
hosts = { min = 0, max = 8 }
idle = "2m"
slots = 4

[command]
# `qsub` stays until PBS tells it that its job has ended (`block=true`): an agent that cannot start is noticed at once, and
# `tea-agents.log` says why.
launch = ["sh", "-c", 'exec qsub "$@" > /dev/null', "qsub", "-W", "block=true", "-r", "n", "-N", "tea-{lease}", "-j", "oe",
  "-o", "tea-agents.log", "-l", "select=1:ncpus=4", "--", "/bin/sh", "-c", "{agent}"]
cancel = ["sh", "-c", "qselect -N tea-{lease} | xargs qdel"]
# A job has no standard input: it learns from a file in this directory how to connect to the program.
transport = "dial"
secret = "file"
"#;

const LSF: &str = r#"# Hosts that LSF gives. This recipe has not been tested.
engine = "command"
hosts = { min = 0, max = 8 }
idle = "2m"
slots = 4

[command]
# `bsub` stays until LSF tells it that its job has ended (`-K`): an agent that cannot start is noticed at once, and
# `tea-agents.log` says why.
launch = ["sh", "-c", 'exec bsub "$@" > /dev/null', "bsub", "-K", "-rn", "-J", "tea-{lease}", "-o", "tea-agents.log", "-n", "4",
  "-R", "span[hosts=1]", "sh", "-c", "{agent}"]
cancel = ["bkill", "-J", "tea-{lease}"]
# A job has no standard input: it learns from a file in this directory how to connect to the program.
transport = "dial"
secret = "file"
"#;

const FLUX: &str = r#"# Hosts that Flux gives. This recipe has not been tested.
engine = "command"
hosts = { min = 0, max = 8 }
idle = "2m"

[command]
launch = ["flux", "run", "--job-name=tea-{lease}", "--nodes=1", "--exclusive", "sh", "-c", "{agent}"]
# The agent learns on its standard input how to connect to the program.
transport = "dial"
"#;

const KUBERNETES: &str = r#"# Pods of Kubernetes. This recipe has not been tested. The program, and the directory in which it runs, must be in the pod under
# the same path.
engine = "command"
hosts = { min = 0, max = 8 }
idle = "2m"
slots = 4

[command]
launch = ["kubectl", "run", "tea-{lease}", "--image=IMAGE", "--restart=Never", "--rm", "--stdin", "--", "sh", "-c", "{agent}"]
# The agent learns on its standard input how to connect to the program.
transport = "dial"

[network]
# An address of this machine that pods reach.
listen = "auto"
"#;

const SSH: &str = r#"# Hosts behind ssh. `PROGRAM pool check FILE` says whether they can be used.
engine = "ssh"

# The branches and items that a host runs at once: a number, or "cpus" for as many as it has processors.
slots = "cpus"

# Whatever `ssh n1` understands without questions: users, keys, ports and jumps are a matter of ~/.ssh/config. The directory in
# which the program runs must be there under the same path, and so must the files that branches read and write.
[[ssh.host]]
name = "n1"

[[ssh.host]]
name = "n2"
slots = 8

[host]
# "stage": the program is copied to ~/.cache/tea on each host, once for each build. "shared": it is there already, under the
# path that it has on this machine.
binary = "stage"
"#;

const COMMAND: &str = r#"# Hosts whose agents are started by a command line.
engine = "command"

# The number of agents, each started by the command once.
hosts = 2

# The branches and items that an agent runs at once: a number, or "cpus" for as many as its machine has processors.
slots = "cpus"

[command]
# `{agent}` stands for the command line of an agent, for a shell. The command must keep the agent's standard input and output
# connected: they lead to the program, and their end is the agent's end. The program must be there under the same path, and so
# must the directory in which it runs.
#
# Here, two agents on this machine:
launch = ["sh", "-c", "{agent}"]
# On another machine, through ssh without questions; `{host}` is 1, 2 and so on:
# launch = ["ssh", "-T", "-oBatchMode=yes", "n{host}", "{agent}"]
#
# Where standard input and output do not lead back, the agent connects to the program, and is told on its standard input how:
# transport = "dial"
# or, where it has none, in a file in this directory, which only its user can read:
# secret = "file"
# A command that only asks for an agent may end before that comes. `{lease}` is a name, by which another command ends it:
# cancel = ["qdel", "tea-{lease}"]
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::PoolFile;

    #[test]
    fn each_example_is_a_pool_file() {
        // Of the example of commands also the launch that it offers as a comment, in place of the one that it has.
        let other = COMMAND
            .replace("launch = [\"sh\"", "# launch = [\"sh\"")
            .replace("# launch = [\"ssh\"", "launch = [\"ssh\"");
        assert_ne!(other, COMMAND);
        for (engine, text) in ALL.iter().copied().chain([("command, the other launch", &*other)]) {
            let path = std::env::temp_dir().join(format!("tea-example-{}-{}", std::process::id(), fastrand::u64(..)));
            std::fs::write(&path, text).unwrap();
            let read = PoolFile::read(&path);
            std::fs::remove_file(&path).unwrap();
            assert!(read.is_ok(), "{engine}: {}", read.unwrap_err());
        }
    }
}
