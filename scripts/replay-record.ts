/**
 * Records what a scripted session asks an API server and what it is answered.
 *
 *   node scripts/replay-record.ts record --kubeconfig FILE --kubectl kubectl --image meshctl:dev --out DIR
 *   node scripts/replay-record.ts diff DIR DIR          what two recordings differ in
 *   node scripts/replay-record.ts keep DIR FILE         a small, masked recording for the tests
 *
 * `--steps REGEX` takes only some steps: `^meshctl ` for what meshctl asks, `^(?!meshctl )` for what kubectl does.
 *
 * `diff` compares requests, answers (masked) and what was printed, step by step. The kubeconfig must embed a client certificate.
 */
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { openPki } from "../src/local/apiserver/auth/pki.ts";
import { compareRecordings } from "../test/support/replay/compare.ts";
import { startRecorder } from "../test/support/replay/recorder.ts";
import { type Exchange, readRecording, type StepOutput } from "../test/support/replay/recording.ts";
import { sanitise } from "../test/support/replay/sanitise.ts";
import { kubectlSession, type Step } from "../test/support/replay/session.ts";

const MESHCTL = fileURLToPath(new URL("../commands/main.ts", import.meta.url));
const NAMESPACE = "replay-session";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    kubeconfig: { type: "string", default: process.env.KUBECONFIG ?? "" },
    kubectl: { type: "string", default: "kubectl" },
    image: { type: "string", default: "meshctl:dev" },
    out: { type: "string", default: "" },
    steps: { type: "string", default: "" },
  },
});
const [action = "", ...rest] = positionals;
if (action === "record") await record();
else if (action === "diff") await diff(rest[0]!, rest[1]!);
else if (action === "keep") await keep(rest[0]!, rest[1]!);
else throw new Error("usage: replay-record.ts record|diff|keep");

async function record(): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "meshctl-replay-"));
  const recorder = await startRecorder({ kubeconfig: values.kubeconfig, dir });
  const outputs = new Map<string, StepOutput>();
  const wanted = new RegExp(values.steps);
  try {
    const environment = { PATH: process.env.PATH ?? "", HOME: dir };
    for (const step of kubectlSession(NAMESPACE, values.image)) {
      if (!wanted.test(step.name)) continue;
      recorder.step(step.name, step.isControlPlane);
      const output = await runStep(step, outputs, recorder.kubeconfigPath, dir, environment);
      outputs.set(step.name, output);
      process.stderr.write(`${output.exitCode === 0 ? " " : output.exitCode} ${step.name}\n`);
    }
  } finally {
    await recorder.close();
    await rm(dir, { recursive: true, force: true });
  }
  await mkdir(values.out, { recursive: true });
  const lines = (all: readonly unknown[]) => all.map((each) => `${JSON.stringify(each)}\n`).join("");
  await writeFile(join(values.out, "exchanges.jsonl"), lines(recorder.exchanges));
  await writeFile(join(values.out, "outputs.jsonl"), lines([...outputs.values()]));
}

/** Files that make a controller start; its certificate it never gets, and it lists and watches all the same. */
async function controlPlaneFlags(dir: string): Promise<string[]> {
  const pki = await openPki(join(dir, "pki"), Date.now());
  const pair = await pki.serverCertificate(["localhost"]);
  const files = {
    "ca-bundle.crt": pki.caPem,
    "tls.crt": pair.certPem,
    "tls.key": pair.keyPem,
    token: "none",
    values: "",
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text);
  return [
    "--namespace=meshctl",
    `--trust-roots=${join(dir, "ca-bundle.crt")}`,
    `--values-file=${join(dir, "values")}`,
    `--tls-dir=${dir}`,
    `--token-file=${join(dir, "token")}`,
    "--identity-addr=127.0.0.1:1",
    ...["admin", "destination", "policy", "injector"].map((port) => `--${port}-port=0`),
  ];
}

async function runStep(
  step: Step,
  outputs: ReadonlyMap<string, StepOutput>,
  kubeconfig: string,
  dir: string,
  env: Record<string, string>,
): Promise<StepOutput> {
  let input = step.inputFrom === undefined ? step.input : outputs.get(step.inputFrom)?.stdout;
  if (step.change && input !== undefined) input = step.change(input);
  const kubectl = ["--kubeconfig", kubeconfig, "--cache-dir", join(dir, "cache"), "-n", NAMESPACE];
  const [program, args, limitMs] = !step.program
    ? [values.kubectl, [...kubectl, ...step.args], 90_000]
    : step.isControlPlane
      ? [process.execPath, [MESHCTL, ...step.args, ...(await controlPlaneFlags(dir))], 12_000]
      : [process.execPath, [MESHCTL, ...step.args], 30_000];
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: { ...env, KUBECONFIG: kubeconfig } });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk.toString("utf8");
      if (step.until?.test(stdout)) child.kill();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString("utf8");
    });
    const timer = setTimeout(() => child.kill(), limitMs);
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ step: step.name, exitCode: code ?? -1, stdout, stderr });
    });
    child.stdin.on("error", () => {});
    child.stdin.end(input ?? "");
  });
}

async function diff(left: string, right: string): Promise<void> {
  const read = async (dir: string) => ({
    exchanges: readRecording(join(dir, "exchanges.jsonl")) as Exchange[],
    outputs: readLines<StepOutput>(await readFile(join(dir, "outputs.jsonl"), "utf8")),
  });
  for (const line of compareRecordings(await read(left), await read(right)))
    process.stdout.write(`${line}\n`);
}

function readLines<T>(text: string): T[] {
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as T);
}

async function keep(from: string, file: string): Promise<void> {
  const wanted = new RegExp(values.steps);
  const recorded = readRecording(join(from, "exchanges.jsonl"));
  const kept = sanitise(recorded.filter((each) => wanted.test(each.step)));
  await writeFile(file, kept.map((each) => `${JSON.stringify(each)}\n`).join(""));
}
