/**
 * The API server's own record of what the control plane asks for. Whether there is one is decided where the API server is started:
 * the one of a cluster that the scripts of $CLUSTER_TOOLS brought up is started again, with the same command line and an audit
 * policy. The scripts go on as before, for the pid file says which process is theirs: `down.sh` stops it, and the next `up.sh` after
 * that starts one without an audit.
 */
import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Long enough for the API server to start. */
const LIMIT_MS = 120_000;

/** Reading and writing alike: what is asked for, by whom, and whether it was granted. */
const POLICY = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived"],
  rules: [
    {
      level: "Metadata",
      users: ["meshctl-controller", "meshctl-identity"].map(
        (name) => `system:serviceaccount:meshctl:${name}`,
      ),
    },
    { level: "None" },
  ],
};

/**
 * Makes the API server of the cluster in `dir` write an audit log, which is empty at first.
 *
 * @param isReady asks it; throws or returns false while it does not answer
 * @returns the log's path; undefined when nothing there says which process is the API server
 */
export async function startAudit(dir: string, isReady: () => boolean): Promise<string | undefined> {
  const pidFile = join(dir, "run/kube-apiserver.pid");
  if (!existsSync(pidFile)) return undefined;
  const pid = Number(readFileSync(pidFile, "utf8").split(" ")[0]);
  const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
  const log = join(dir, "log/kube-apiserver-audit.jsonl");
  const policy = join(dir, "conf/audit-policy.json");
  const flags = [`--audit-policy-file=${policy}`, `--audit-log-path=${log}`];
  if (flags.every((flag) => command.includes(flag)) && existsSync(log)) {
    truncateSync(log);
    return log;
  }
  writeFileSync(policy, JSON.stringify(POLICY));
  writeFileSync(log, "");
  // It keeps nothing itself, and an orderly end waits a minute for those who watch.
  process.kill(pid, "SIGKILL");
  await until("the end of the API server", () => startTimeOf(pid) === undefined);
  const output = openSync(join(dir, "log/kube-apiserver.log"), "a");
  const child = spawn(command[0]!, [...command.slice(1), ...flags], {
    detached: true,
    stdio: ["ignore", output, output],
  });
  closeSync(output);
  child.unref();
  const startTime = startTimeOf(child.pid!);
  if (startTime === undefined)
    throw new Error(`the API server did not start; see ${dir}/log/kube-apiserver.log`);
  writeFileSync(pidFile, `${child.pid} ${startTime}\n`);
  await until("the API server with its audit log", isReady);
  return log;
}

/** Field 22 of /proc/PID/stat: with the pid it names a process for good. Undefined when it has ended. */
function startTimeOf(pid: number): string | undefined {
  const file = `/proc/${pid}/stat`;
  if (!existsSync(file)) return undefined;
  const text = readFileSync(file, "utf8");
  // The name, in brackets, may hold anything.
  const [state, ...fields] = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return state === "Z" ? undefined : fields[18]!;
}

async function until(what: string, probe: () => boolean): Promise<void> {
  const startMs = performance.now();
  for (;;) {
    try {
      if (probe()) return;
    } catch {
      // Not yet.
    }
    if (performance.now() - startMs > LIMIT_MS) throw new Error(`gave up waiting for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
