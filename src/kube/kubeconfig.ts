import { existsSync, readFileSync } from "node:fs";
import { isIPv6 } from "node:net";
import { homedir } from "node:os";
import { delimiter, dirname, isAbsolute, join } from "node:path";
import { MeshError } from "../base/error.ts";
import type { KubeClientOptions } from "./client.ts";

/**
 * Where the API server is and who we are, read from a kubeconfig or from the pod's service account.
 *
 * `@kubernetes/client-node`'s KubeConfig brings every generated model with it (about 400 ms and 70 MB, measured on Node 26), which a verb
 * that lives for 200 ms cannot afford; of that package only the OIDC refresher is used (auth.ts), and only by those who need it.
 */
export interface KubeConnection {
  /** Without a trailing slash. */
  readonly server: string;
  readonly context: string;
  readonly namespace: string;
  readonly tls: {
    readonly ca: string | undefined;
    readonly insecure: boolean;
    readonly serverName: string | undefined;
  };
  readonly proxyUrl: string | undefined;
  readonly user: KubeUser;
  /** File that it came from, for messages; undefined in-cluster. */
  readonly file: string | undefined;
}

export interface KubeUser {
  readonly name: string;
  readonly clientCert: string | undefined;
  readonly clientKey: string | undefined;
  readonly token: string | undefined;
  readonly tokenFile: string | undefined;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly exec: ExecSpec | undefined;
  readonly authProvider:
    | { readonly name: string; readonly config: Readonly<Record<string, string>> }
    | undefined;
}

/** `users[].user.exec` (client.authentication.k8s.io). */
export interface ExecSpec {
  readonly apiVersion: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly installHint: string | undefined;
  readonly provideClusterInfo: boolean;
}

/** Fields of a YAML document that nobody has checked yet. */
// biome-ignore lint/suspicious/noExplicitAny: each field is checked where it is read
type Loose = Record<string, any>;

const SERVICE_ACCOUNT_DIR = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * Finds and reads the configuration: the given file, else `$KUBECONFIG` (a list; the first to name something wins), else `~/.kube/config`,
 * else the pod's service account. With `inCluster` the pod's service account comes first.
 *
 * @throws MeshError `KUBE_CONFIG_MISSING`, `KUBE_CONFIG_INVALID`, `KUBE_CONTEXT_UNKNOWN`
 */
export async function loadKubeConnection(options: KubeClientOptions): Promise<KubeConnection> {
  const { env } = options;
  const explicit = options.kubeconfig ?? (env.KUBECONFIG || undefined);
  if (explicit === undefined && options.inCluster) {
    const inCluster = tryInCluster(env);
    if (inCluster) return inCluster;
  }
  const files = configFiles(options);
  const existing = files.filter((file) => existsSync(file));
  if (existing.length > 0) return fromFiles(existing, options);
  if (explicit !== undefined) {
    throw new MeshError({
      kind: "environment",
      code: "KUBE_CONFIG_MISSING",
      message: `kubeconfig ${files.join(", ")} does not exist`,
      hint: "name an existing file with --kubeconfig or KUBECONFIG; `meshctl dev` prints its own",
    });
  }
  const inCluster = tryInCluster(env);
  if (inCluster) return inCluster;
  throw new MeshError({
    kind: "environment",
    code: "KUBE_CONFIG_MISSING",
    message: `no cluster is configured: ${files[0]} does not exist and this is no pod`,
    hint: "start a local cluster with `meshctl dev`, or name a kubeconfig with --kubeconfig or KUBECONFIG",
  });
}

/** Names of the contexts that `--context` may choose from. Files that are not there have none. */
export async function listContexts(
  options: Pick<KubeClientOptions, "kubeconfig" | "env">,
): Promise<string[]> {
  const names = new Set<string>();
  for (const file of configFiles(options).filter((one) => existsSync(one))) {
    for (const { name } of ((await parseFile(file)).contexts ?? []) as Loose[]) {
      if (typeof name === "string") names.add(name);
    }
  }
  return [...names];
}

function configFiles({ kubeconfig, env }: Pick<KubeClientOptions, "kubeconfig" | "env">): readonly string[] {
  if (kubeconfig !== undefined) return [kubeconfig];
  const listed = env.KUBECONFIG?.split(delimiter).filter((file) => file !== "");
  return listed && listed.length > 0 ? listed : [join(env.HOME ?? homedir(), ".kube", "config")];
}

/** The pod's own service account, when there is one. Its token file is read anew for requests (auth.ts). */
function tryInCluster(env: KubeClientOptions["env"]): KubeConnection | undefined {
  const host = env.KUBERNETES_SERVICE_HOST;
  const directory = env.KUBERNETES_SERVICE_ACCOUNT_DIR ?? SERVICE_ACCOUNT_DIR;
  const tokenFile = join(directory, "token");
  if (!host || !existsSync(tokenFile)) return undefined;
  const caFile = join(directory, "ca.crt");
  const namespaceFile = join(directory, "namespace");
  return {
    server: `https://${isIPv6(host) ? `[${host}]` : host}:${env.KUBERNETES_SERVICE_PORT ?? "443"}`,
    context: "",
    namespace: existsSync(namespaceFile) ? readFileSync(namespaceFile, "utf8").trim() : "default",
    tls: {
      ca: existsSync(caFile) ? readFileSync(caFile, "utf8") : undefined,
      insecure: false,
      serverName: undefined,
    },
    proxyUrl: undefined,
    user: { ...EMPTY_USER, name: "service account", tokenFile },
    file: undefined,
  };
}

const EMPTY_USER: KubeUser = {
  name: "",
  clientCert: undefined,
  clientKey: undefined,
  token: undefined,
  tokenFile: undefined,
  username: undefined,
  password: undefined,
  exec: undefined,
  authProvider: undefined,
};

async function fromFiles(files: readonly string[], options: KubeClientOptions): Promise<KubeConnection> {
  const sections = {
    clusters: new Map<string, Named>(),
    contexts: new Map<string, Named>(),
    users: new Map<string, Named>(),
  };
  let current: string | undefined;
  for (const file of files) {
    const document = await parseFile(file);
    current ??= (document["current-context"] as string | undefined) || undefined;
    for (const key of ["clusters", "contexts", "users"] as const) {
      for (const entry of (document[key] ?? []) as Loose[]) {
        const body = entry?.[key.slice(0, -1)];
        if (typeof entry?.name !== "string" || typeof body !== "object" || body === null) continue;
        if (!sections[key].has(entry.name)) sections[key].set(entry.name, { body, file });
      }
    }
  }
  const name = options.context ?? current;
  const where = files.join(", ");
  if (name === undefined) throw unknownContext("no context is chosen", where, sections.contexts);
  const context = sections.contexts.get(name);
  if (!context) throw unknownContext(`context ${name} is not in the kubeconfig`, where, sections.contexts);
  const cluster = sections.clusters.get(String(context.body.cluster));
  if (!cluster || typeof cluster.body.server !== "string") {
    throw invalid(
      where,
      `context ${name} names cluster ${context.body.cluster}, which is not there or has no server`,
    );
  }
  const user = sections.users.get(String(context.body.user));
  return {
    server: cluster.body.server.replace(/\/+$/, ""),
    context: name,
    namespace: String(context.body.namespace || "default"),
    tls: {
      ca: readPart(cluster, "certificate-authority"),
      insecure: cluster.body["insecure-skip-tls-verify"] === true,
      serverName: cluster.body["tls-server-name"] || undefined,
    },
    proxyUrl: cluster.body["proxy-url"] || undefined,
    user: user ? readUser(String(context.body.user), user) : EMPTY_USER,
    file: where,
  };
}

interface Named {
  readonly body: Loose;
  readonly file: string;
}

async function parseFile(file: string): Promise<Loose> {
  const text = readFileSync(file, "utf8");
  try {
    const value = text.trimStart().startsWith("{") ? JSON.parse(text) : (await import("yaml")).parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Loose;
  } catch (error) {
    throw invalid(file, (error as Error).message.split("\n")[0]!);
  }
  throw invalid(file, "it holds no mapping");
}

function readUser(name: string, entry: Named): KubeUser {
  const { body } = entry;
  const exec = body.exec as Loose | undefined;
  return {
    name,
    clientCert: readPart(entry, "client-certificate"),
    clientKey: readPart(entry, "client-key"),
    token: body.token || undefined,
    tokenFile: body.tokenFile ? resolvePath(entry, body.tokenFile) : undefined,
    username: body.username || undefined,
    password: body.password || undefined,
    exec: exec && {
      apiVersion: String(exec.apiVersion ?? "client.authentication.k8s.io/v1"),
      command: readCommand(entry, String(exec.command ?? "")),
      args: (exec.args ?? []).map(String),
      env: exec.env ?? [],
      installHint: exec.installHint || undefined,
      provideClusterInfo: exec.provideClusterInfo === true,
    },
    authProvider: body["auth-provider"] && {
      name: String(body["auth-provider"].name),
      config: body["auth-provider"].config ?? {},
    },
  };
}

/** `<key>-data` in base64, else the file that `<key>` names. */
function readPart(entry: Named, key: string): string | undefined {
  const data = entry.body[`${key}-data`];
  if (typeof data === "string" && data !== "") return Buffer.from(data, "base64").toString("utf8");
  const path = entry.body[key];
  if (typeof path !== "string" || path === "") return undefined;
  const resolved = resolvePath(entry, path);
  try {
    return readFileSync(resolved, "utf8");
  } catch (error) {
    throw invalid(entry.file, `${key} ${resolved} cannot be read: ${(error as Error).message}`);
  }
}

function resolvePath(entry: Named, path: string): string {
  return isAbsolute(path) ? path : join(dirname(entry.file), path);
}

/** As kubectl does: a command with a separator is relative to the kubeconfig, one without is looked up in PATH. */
function readCommand(entry: Named, command: string): string {
  return command.includes("/") ? resolvePath(entry, command) : command;
}

function invalid(file: string, problem: string): MeshError {
  return new MeshError({
    kind: "user",
    code: "KUBE_CONFIG_INVALID",
    message: `kubeconfig ${file}: ${problem}`,
    hint: "compare with `kubectl config view`",
  });
}

function unknownContext(problem: string, file: string, contexts: ReadonlyMap<string, Named>): MeshError {
  const names = [...contexts.keys()];
  return new MeshError({
    kind: "user",
    code: "KUBE_CONTEXT_UNKNOWN",
    message: `${problem} (${file})`,
    hint: names.length === 0 ? "it holds no context" : `choose one with --context: ${names.join(", ")}`,
  });
}
