import { spawn } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import type { Clock } from "../base/clock.ts";
import { MeshError, systemErrorCode } from "../base/error.ts";
import type { KubeConnection, KubeUser } from "./kubeconfig.ts";

/** What proves who we are: a header, a client certificate, or both. */
export interface AuthProof {
  readonly authorization: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

export interface Authenticator {
  /** The proof as it is now. Cheap after the first time; refreshed when it expires or its file changes. */
  proof(): Promise<AuthProof>;
  /** The server said 401: forget what is cached. True when a new try may have another result. */
  invalidate(): boolean;
}

export function createAuthenticator(
  connection: KubeConnection,
  env: Readonly<Record<string, string | undefined>>,
  clock: Clock,
): Authenticator {
  const { user } = connection;
  if (user.exec) return execAuthenticator(connection, env, clock);
  if (user.authProvider?.name === "oidc") return oidcAuthenticator(user);
  if (user.authProvider) {
    throw new MeshError({
      kind: "environment",
      code: "KUBE_AUTH_PROVIDER",
      message: `user ${user.name} uses the auth provider ${user.authProvider.name}, which kubectl itself no longer supports`,
      hint: "use the cluster's exec credential plugin instead (kubelogin, gke-gcloud-auth-plugin)",
    });
  }
  return staticAuthenticator(user);
}

/** Certificate, password, token, or a token file that is read again when it changes (projected tokens rotate hourly). */
function staticAuthenticator(user: KubeUser): Authenticator {
  let cached: { mtimeMs: number; token: string } | undefined;
  const readToken = (): string | undefined => {
    if (user.tokenFile === undefined) return user.token;
    const { mtimeMs } = statSync(user.tokenFile);
    if (cached?.mtimeMs !== mtimeMs) cached = { mtimeMs, token: readFileSync(user.tokenFile, "utf8").trim() };
    return cached.token;
  };
  return {
    async proof() {
      const token = readToken();
      const basic = user.username === undefined ? undefined : `${user.username}:${user.password ?? ""}`;
      return {
        authorization:
          token !== undefined
            ? `Bearer ${token}`
            : basic === undefined
              ? undefined
              : `Basic ${Buffer.from(basic).toString("base64")}`,
        cert: user.clientCert,
        key: user.clientKey,
      };
    },
    invalidate() {
      const had = cached !== undefined;
      cached = undefined;
      return had;
    },
  };
}

interface ExecCredential {
  readonly status?: {
    readonly token?: string;
    readonly clientCertificateData?: string;
    readonly clientKeyData?: string;
    readonly expirationTimestamp?: string;
  };
}

/** Runs the credential plugin when there is no answer of it yet, or when that expires within ten seconds. */
function execAuthenticator(
  connection: KubeConnection,
  env: Readonly<Record<string, string | undefined>>,
  clock: Clock,
): Authenticator {
  const spec = connection.user.exec!;
  let cached: { proof: AuthProof; expiresAtMs: number } | undefined;
  let running: Promise<AuthProof> | undefined;
  const refresh = async (): Promise<AuthProof> => {
    const { status } = await runPlugin(connection, env);
    if (!status?.token && !status?.clientCertificateData) {
      throw pluginError(spec.command, "its answer holds neither a token nor a certificate", spec.installHint);
    }
    const proof = {
      authorization: status.token ? `Bearer ${status.token}` : undefined,
      cert: status.clientCertificateData ?? connection.user.clientCert,
      key: status.clientKeyData ?? connection.user.clientKey,
    };
    const expiresAtMs = status.expirationTimestamp
      ? Date.parse(status.expirationTimestamp)
      : Number.POSITIVE_INFINITY;
    cached = { proof, expiresAtMs };
    return proof;
  };
  return {
    async proof() {
      if (cached && cached.expiresAtMs - 10_000 > clock.now()) return cached.proof;
      running ??= refresh().finally(() => {
        running = undefined;
      });
      return running;
    },
    invalidate() {
      const had = cached !== undefined;
      cached = undefined;
      return had;
    },
  };
}

function runPlugin(
  connection: KubeConnection,
  env: Readonly<Record<string, string | undefined>>,
): Promise<ExecCredential> {
  const spec = connection.user.exec!;
  const cluster = {
    server: connection.server,
    "tls-server-name": connection.tls.serverName,
    "insecure-skip-tls-verify": connection.tls.insecure,
    "certificate-authority-data":
      connection.tls.ca === undefined ? undefined : Buffer.from(connection.tls.ca).toString("base64"),
  };
  const info = {
    apiVersion: spec.apiVersion,
    kind: "ExecCredential",
    spec: { interactive: false, ...(spec.provideClusterInfo ? { cluster } : {}) },
  };
  const childEnv: Record<string, string | undefined> = { ...env, KUBERNETES_EXEC_INFO: JSON.stringify(info) };
  for (const { name, value } of spec.env) childEnv[name] = value;
  return new Promise((resolve, reject) => {
    const child = spawn(spec.command, spec.args, { env: childEnv, stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr = (stderr + text).slice(-2000)));
    child.once("error", (error) => {
      const missing = systemErrorCode(error) === "ENOENT";
      reject(
        pluginError(spec.command, missing ? "it is not installed" : error.message, spec.installHint, error),
      );
    });
    child.once("close", (code) => {
      if (code !== 0) {
        const said = stderr.trim().split("\n").at(-1);
        return reject(
          pluginError(spec.command, `exit code ${code}${said ? `: ${said}` : ""}`, spec.installHint),
        );
      }
      try {
        resolve(JSON.parse(stdout) as ExecCredential);
      } catch (error) {
        reject(pluginError(spec.command, "its answer is no JSON", spec.installHint, error));
      }
    });
  });
}

function pluginError(
  command: string,
  problem: string,
  installHint: string | undefined,
  cause?: unknown,
): MeshError {
  return new MeshError({
    kind: "environment",
    code: "KUBE_EXEC_PLUGIN",
    message: `credential plugin ${command}: ${problem}`,
    hint: installHint?.trim() || `run it by hand to see what it says: ${command}`,
    cause,
  });
}

/** OIDC with a refresh token, by client-node's own class; the others of its providers are gone from kubectl. */
function oidcAuthenticator(user: KubeUser): Authenticator {
  const provider = {
    name: user.name,
    authProvider: { name: "oidc", config: { ...user.authProvider!.config } },
  };
  const load = async () =>
    new (await import("@kubernetes/client-node/dist/oidc_auth.js")).OpenIDConnectAuth();
  let refresher: ReturnType<typeof load> | undefined;
  return {
    async proof() {
      refresher ??= load();
      const options: { headers: Record<string, string> } = { headers: {} };
      await (await refresher).applyAuthentication(provider as never, options as never);
      return { authorization: options.headers.Authorization, cert: undefined, key: undefined };
    },
    invalidate: () => false,
  };
}
