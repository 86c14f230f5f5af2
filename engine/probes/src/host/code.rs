//! Which commit is under test: asked of git, else read from `.git`, else taken from the variables of a CI system.

use super::program::{ProgramError, output};
use engine_core::code::{CodeSource, CodeUnderTest};
use engine_core::fact::Fact;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// `git status` of a large tree with a cold cache takes seconds.
const LIMIT: Duration = Duration::from_secs(30);

/// Variables that hold the commit and, beside it, the branch or tag: GitHub, GitLab (and those after it), Buildkite,
/// CircleCI, Travis, Bitbucket, Azure, Jenkins.
const VARIABLES: &[(&str, &[&str])] = &[
    ("GITHUB_SHA", &["GITHUB_HEAD_REF", "GITHUB_REF_NAME"]),
    ("CI_COMMIT_SHA", &["CI_COMMIT_BRANCH", "CI_COMMIT_REF_NAME"]),
    ("BUILDKITE_COMMIT", &["BUILDKITE_BRANCH"]),
    ("CIRCLE_SHA1", &["CIRCLE_BRANCH", "CIRCLE_TAG"]),
    ("TRAVIS_COMMIT", &["TRAVIS_BRANCH"]),
    ("BITBUCKET_COMMIT", &["BITBUCKET_BRANCH", "BITBUCKET_TAG"]),
    ("BUILD_SOURCEVERSION", &["BUILD_SOURCEBRANCHNAME"]),
    ("GIT_COMMIT", &["GIT_BRANCH"]),
];

/// What stands in the repository that holds `path` (a file or a folder). `env` looks up an environment variable, which
/// only the command line may read. A CI checkout has no branch; its name is then taken from the variables.
pub fn code_under_test(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> CodeUnderTest {
    let folder = super::storage::nearest(path);
    let folder = if folder.is_file() { folder.parent().map(Path::to_owned).unwrap_or(folder) } else { folder };
    let variables = from_variables(env);
    let mut code = match from_git(&folder) {
        Ok(code) => code,
        Err(ProgramError::Failed { message, .. }) if message.contains("not a git repository") => {
            return variables.unwrap_or_else(|| nothing("not in a git repository"));
        }
        // Git is missing, hangs, or refuses a tree of another owner: its files tell the commit.
        Err(error) => match from_files(&folder, &error.to_string()) {
            Some(code) => code,
            None => return variables.unwrap_or_else(|| nothing(&error.to_string())),
        },
    };
    if let Some(variables) = variables
        && !code.branch.is_known()
        && code.commit == variables.commit
    {
        code.branch = variables.branch;
    }
    code
}

fn nothing(reason: &str) -> CodeUnderTest {
    let unknown = || Fact::unknown(reason);
    CodeUnderTest {
        root: unknown(),
        commit: unknown(),
        branch: unknown(),
        dirty: Fact::unknown(reason),
        committed_at: Fact::unknown(reason),
        source: CodeSource::None,
    }
}

fn git(folder: &Path, args: &[&str]) -> Result<String, ProgramError> {
    // A configured monitor is a program that a repository can choose; none is started.
    let args: Vec<&str> = ["-c", "core.fsmonitor=false"].iter().chain(args).copied().collect();
    output("git", &args, Some(folder), LIMIT).map(|bytes| String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

fn from_git(folder: &Path) -> Result<CodeUnderTest, ProgramError> {
    let root = git(folder, &["rev-parse", "--show-toplevel"])?;
    let known = |result: Result<String, ProgramError>| match result {
        Ok(text) if !text.is_empty() => Fact::Known(text),
        Ok(_) => Fact::unknown("git does not tell"),
        Err(error) => Fact::Unknown(error.to_string()),
    };
    // One line `COMMIT TIME`; fails in a repository without commits.
    let head = known(git(folder, &["log", "-1", "--no-show-signature", "--format=%H %ct"]));
    let (commit, committed_at) = match head {
        Fact::Known(line) => match line.split_once(' ') {
            Some((commit, time)) => (
                Fact::Known(commit.to_owned()),
                Fact::or_unknown(time.parse().ok(), format!("git gives the commit time as `{time}`")),
            ),
            None => (Fact::Known(line), Fact::unknown("git does not tell")),
        },
        Fact::Unknown(reason) => (Fact::Unknown(reason.clone()), Fact::Unknown(reason)),
    };
    let branch = match git(folder, &["symbolic-ref", "--quiet", "--short", "HEAD"]) {
        Err(ProgramError::Failed { .. }) => Fact::unknown("the head is detached"),
        other => known(other),
    };
    let dirty = match git(folder, &["status", "--porcelain", "--untracked-files=no"]) {
        Ok(text) => Fact::Known(!text.is_empty()),
        Err(error) => Fact::Unknown(error.to_string()),
    };
    Ok(CodeUnderTest { root: Fact::Known(root), commit, branch, dirty, committed_at, source: CodeSource::Git })
}

/// The commit by the files of `.git`, without git: head, reference, packed references. The time would need the object
/// itself, and the dirty state the whole index; both stay unknown.
fn from_files(folder: &Path, reason: &str) -> Option<CodeUnderTest> {
    let (root, git_folder) = folder.ancestors().find_map(|root| Some((root, git_folder(root)?)))?;
    let head = std::fs::read_to_string(git_folder.join("HEAD")).ok()?;
    let head = head.trim();
    // A linked work tree keeps its references in the main repository.
    let common = std::fs::read_to_string(git_folder.join("commondir"))
        .map_or_else(|_| git_folder.clone(), |path| git_folder.join(path.trim()));
    let (commit, branch) = match head.strip_prefix("ref: ") {
        Some(reference) => {
            let name = reference.strip_prefix("refs/heads/").unwrap_or(reference);
            let commit = reference_commit(&common, reference);
            (Fact::or_unknown(commit, "the branch has no commit"), Fact::Known(name.to_owned()))
        }
        None => (Fact::or_unknown(object_id(head), "the head is no commit"), Fact::unknown("the head is detached")),
    };
    Some(CodeUnderTest {
        root: Fact::Known(root.to_string_lossy().into_owned()),
        commit,
        branch,
        dirty: Fact::unknown(reason),
        committed_at: Fact::unknown(reason),
        source: CodeSource::Git,
    })
}

/// `.git` of a folder: itself a folder, or a file that names one.
fn git_folder(root: &Path) -> Option<PathBuf> {
    let path = root.join(".git");
    if path.is_dir() {
        return Some(path);
    }
    let text = std::fs::read_to_string(path).ok()?;
    Some(root.join(text.trim().strip_prefix("gitdir: ")?))
}

fn reference_commit(common: &Path, reference: &str) -> Option<String> {
    // A hostile head must not lead out of the folder.
    if reference.split('/').any(|part| part == "..") || reference.starts_with('/') {
        return None;
    }
    if let Ok(text) = std::fs::read_to_string(common.join(reference)) {
        return object_id(text.trim());
    }
    let packed = std::fs::read_to_string(common.join("packed-refs")).ok()?;
    packed.lines().find_map(|line| {
        let (id, name) = line.split_once(' ')?;
        (name == reference).then(|| object_id(id)).flatten()
    })
}

/// An object id of SHA-1 or SHA-256.
fn object_id(text: &str) -> Option<String> {
    (matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| text.to_owned())
}

fn from_variables(env: &dyn Fn(&str) -> Option<String>) -> Option<CodeUnderTest> {
    let set = |name: &&str| env(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    let (commit, branches) = VARIABLES.iter().find_map(|(commit, branches)| Some((set(commit)?, branches)))?;
    let reason = "a CI variable gave the commit";
    Some(CodeUnderTest {
        root: Fact::unknown(reason),
        commit: Fact::Known(commit),
        branch: Fact::or_unknown(branches.iter().find_map(set), "no CI variable names the branch"),
        dirty: Fact::unknown(reason),
        committed_at: Fact::unknown(reason),
        source: CodeSource::CiVariables,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn no_env(_: &str) -> Option<String> {
        None
    }

    fn run(folder: &Path, args: &[&str]) {
        let done = Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"])
            .args(args)
            .env("GIT_COMMITTER_DATE", "1700000000 +0100")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .current_dir(folder)
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    fn repository() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.rhai"), "1").unwrap();
        run(folder.path(), &["init", "-q", "-b", "trunk"]);
        run(folder.path(), &["add", "."]);
        run(folder.path(), &["commit", "-q", "-m", "first"]);
        folder
    }

    #[test]
    fn a_repository_tells_everything() {
        let folder = repository();
        let file = folder.path().join("a.rhai");
        let code = code_under_test(&file, &no_env);
        assert_eq!(code.source, CodeSource::Git);
        assert_eq!(code.root.as_deref(), folder.path().canonicalize().unwrap().to_str());
        assert_eq!(code.branch.as_deref(), Some("trunk"));
        assert_eq!(code.committed_at, Fact::Known(1_700_000_000));
        assert_eq!(code.dirty, Fact::Known(false));
        std::fs::write(folder.path().join("untracked"), "").unwrap();
        assert_eq!(code_under_test(&file, &no_env).dirty, Fact::Known(false));
        std::fs::write(&file, "2").unwrap();
        assert_eq!(code_under_test(&file, &no_env).dirty, Fact::Known(true));
    }

    #[test]
    fn its_files_tell_the_same_commit_and_branch() {
        let folder = repository();
        let asked = code_under_test(folder.path(), &no_env);
        let inner = folder.path().join("x/y");
        std::fs::create_dir_all(&inner).unwrap();
        let read = from_files(&inner, "`git` is not installed").unwrap();
        assert_eq!((&read.commit, &read.branch), (&asked.commit, &asked.branch));
        assert_eq!(read.dirty.reason(), Some("`git` is not installed"));
        run(folder.path(), &["pack-refs", "--all"]);
        assert_eq!(from_files(&inner, "").unwrap().commit, asked.commit);
        run(folder.path(), &["worktree", "add", "-q", "-b", "other", "tree"]);
        let linked = from_files(&folder.path().join("tree"), "").unwrap();
        assert_eq!((linked.commit, linked.branch.as_deref()), (asked.commit, Some("other")));
    }

    #[test]
    fn a_detached_head_takes_its_branch_from_the_variables_of_the_same_commit() {
        let folder = repository();
        let commit = code_under_test(folder.path(), &no_env).commit.known().unwrap().clone();
        run(folder.path(), &["checkout", "-q", "--detach"]);
        assert_eq!(code_under_test(folder.path(), &no_env).branch.reason(), Some("the head is detached"));
        let env = |sha: String| {
            move |name: &str| match name {
                "GITHUB_SHA" => Some(sha.clone()),
                "GITHUB_REF_NAME" => Some("feature".to_owned()),
                _ => None,
            }
        };
        assert_eq!(code_under_test(folder.path(), &env(commit)).branch.as_deref(), Some("feature"));
        assert!(!code_under_test(folder.path(), &env("f".repeat(40))).branch.is_known());
    }

    #[test]
    fn outside_a_repository_the_variables_speak_or_nobody_does() {
        let folder = tempfile::tempdir().unwrap();
        let code = code_under_test(folder.path(), &no_env);
        assert_eq!((code.source, code.commit.reason()), (CodeSource::None, Some("not in a git repository")));
        let code = code_under_test(folder.path(), &|name| (name == "CI_COMMIT_SHA").then(|| "abc".to_owned()));
        assert_eq!((code.source, code.commit.as_deref()), (CodeSource::CiVariables, Some("abc")));
    }

    #[test]
    fn a_repository_without_commits_and_a_hostile_head_are_no_trouble() {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), &["init", "-q", "-b", "trunk"]);
        let code = code_under_test(folder.path(), &no_env);
        assert!(!code.commit.is_known() && code.branch.as_deref() == Some("trunk"), "{code:?}");
        std::fs::write(folder.path().join(".git/HEAD"), "ref: ../../etc/passwd\n").unwrap();
        assert!(!from_files(folder.path(), "").unwrap().commit.is_known());
    }
}
