//! The tables of the engines.

use std::num::NonZeroU32;

use super::{Engine, Job, SshHost, Template, Told, entries::Entries};

/// The engine of this name, with so many hosts at most.
pub(super) fn engine(name: &str, top: &Entries<'_>, hosts: Option<NonZeroU32>) -> Option<Engine> {
    match name {
        "command" => Some(Engine::Command { hosts: hosts.unwrap_or(NonZeroU32::MIN), template: command(top)? }),
        "slurm" => Some(Engine::Slurm { hosts, job: slurm(top) }),
        _ => ssh(top).map(Engine::Ssh),
    }
}

fn command(top: &Entries<'_>) -> Option<Template> {
    let example = "`launch = [\"sh\", \"-c\", \"{agent}\"]`";
    top.need("command", &format!("a table `[command]` with {example}"));
    let entries = top.table("command", "[command]")?;
    entries.only(&["launch", "cancel", "transport", "secret"]);
    entries.need("launch", example);
    let launch = entries.texts("launch", example);
    match &launch {
        Some((launch, at)) if launch.is_empty() => {
            entries.wrongs.push(*at, format!("`launch` is a list of words: {example}"));
        }
        Some((launch, at)) if !launch.iter().any(|word| word.contains("{agent}")) => {
            let message = "no word of `launch` contains `{agent}`, which stands for the command line of an agent, for a shell: \
                           `[\"sh\", \"-c\", \"{agent}\"]`";
            entries.wrongs.push(*at, message);
        }
        _ => {}
    }
    let transport = entries.word("transport", &[("stdio", false), ("dial", true)]);
    let dials = transport.unwrap_or(false);
    let secret = entries.word("secret", &[("stdin", Told::Input), ("file", Told::File)]);
    let cancel = entries.texts("cancel", "`cancel = [\"qdel\", \"{lease}\"]`");
    if !dials && transport.is_some() == entries.get("transport").is_some() {
        for name in ["secret", "cancel"] {
            entries.refuse(name, "is for agents that dial back: add `transport = \"dial\"`");
        }
    }
    let (launch, _) = launch?;
    if let Some((cancel, at)) = &cancel
        && dials
        && (cancel.is_empty() || !launch.iter().any(|word| word.contains("{lease}")))
    {
        let message =
            "`cancel` ends what `launch` has asked for, by a name: write `{lease}` in both, which stands for it";
        entries.wrongs.push(*at, message);
    }
    let told = dials.then(|| secret.unwrap_or(Told::Input));
    Some(Template { launch, cancel: cancel.map(|(cancel, _)| cancel), told })
}

fn ssh(top: &Entries<'_>) -> Option<Vec<SshHost>> {
    let example = "`[[ssh.host]]` with `name = \"n1\"`";
    let otherwise = format!("each host is a table {example}");
    top.need("ssh", example);
    let entries = top.as_table(top.get("ssh")?, "[ssh]", &otherwise)?;
    entries.only(&["host"]);
    entries.need("host", example);
    let list = entries.get("host")?;
    let Some(array) = list.get_ref().as_array() else {
        entries.wrongs.push(list.span().start, otherwise);
        return None;
    };
    if array.is_empty() {
        entries.wrongs.push(list.span().start, format!("there is no host: add {example}"));
    }
    let mut hosts: Vec<SshHost> = Vec::new();
    for host in array {
        let Some(entries) = entries.as_table(host, "[[ssh.host]]", &otherwise) else { continue };
        entries.only(&["name", "slots"]);
        entries.need("name", "`name = \"n1\"`");
        let slots = entries.slots();
        let Some((name, at)) = entries.text("name") else { continue };
        if name.is_empty() || name.starts_with('-') {
            entries.wrongs.push(at, format!("`{name}` is no name of a host"));
        } else if hosts.iter().any(|other| other.name == name) {
            entries.wrongs.push(at, format!("the host `{name}` is there twice: give it more `slots` instead"));
        }
        hosts.push(SshHost { name, slots });
    }
    Some(hosts)
}

fn slurm(top: &Entries<'_>) -> Job {
    let Some(entries) = top.table("slurm", "[slurm]") else { return Job::default() };
    entries.only(&["options", "walltime"]);
    let (options, at) = entries.texts("options", "`options = [\"--partition=short\"]`").unwrap_or_default();
    for option in options.iter().filter(|option| !option.starts_with('-')) {
        let message = format!("`{option}` is no option of `srun`: write each in one word, as `--partition=short`");
        entries.wrongs.push(at, message);
    }
    Job { options, walltime: entries.time("walltime") }
}
