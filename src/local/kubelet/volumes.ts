import { mkdir } from "node:fs/promises";
import { isAbsolute, join, normalize } from "node:path";
import type { Clock, Timer } from "../../base/clock.ts";
import type { KubeObject } from "../../base/kube-object.ts";
import { claimFolder } from "../controllers/volume-claims.ts";
import type { ObjectApi } from "../object-api.ts";
import { CONFIG_MAPS, PERSISTENT_VOLUME_CLAIMS, SECRETS } from "../resources.ts";
import type { PayloadFile } from "./atomic-dir.ts";
import { AtomicDir } from "./atomic-dir.ts";
import type { DownwardContext } from "./downward.ts";
import { fieldValue, resourceValue } from "./downward.ts";
import { ConfigError, decodedData } from "./environment.ts";
import type { MountMapping } from "./mounts.ts";
import type { ContainerSpec, DownwardItem, KeySelection, ProjectedSource, VolumeSpec } from "./pod-spec.ts";

/** A service-account token for one pod. */
export type MintToken = (request: {
  readonly namespace: string;
  readonly serviceAccount: string;
  /** Empty: the API server's own. */
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
  readonly pod: { readonly name: string; readonly uid: string };
}) => Promise<{ readonly token: string; readonly expiresAtMs: number }>;

export interface PodVolumesOptions {
  readonly objects: Pick<ObjectApi, "get">;
  readonly clock: Clock;
  readonly mintToken: MintToken;
  /** Directory of the pod's volumes. */
  readonly dir: string;
  /** Directory of the folders that claims are bound to. */
  readonly claimsDir: string;
  readonly pod: KubeObject;
  readonly downward: () => DownwardContext;
  /** A later rewrite (token refresh) went wrong. */
  readonly onError: (error: Error) => void;
}

const DEFAULT_MODE = 0o644;
const TOKEN_EXPIRATION_SECONDS = 3600;
/** A token is replaced when this much of its life has passed, as upstream. */
const TOKEN_REFRESH_SHARE = 0.8;
const TOKEN_REFRESH_MS_MAX = 24 * 3_600_000;
const TOKEN_RETRY_MS = 5000;
const HANDLED = [
  "emptyDir",
  "hostPath",
  "configMap",
  "secret",
  "downwardAPI",
  "projected",
  "persistentVolumeClaim",
];

interface Token {
  readonly token: string;
  readonly refreshAtMs: number;
}

/** A pod's volumes as real directories, kept as the objects behind them change. */
export class PodVolumes {
  readonly #options: PodVolumesOptions;
  readonly #specs: readonly VolumeSpec[];
  readonly #dirs = new Map<string, AtomicDir>();
  readonly #tokens = new Map<string, Token>();
  #refresh: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: PodVolumesOptions) {
    this.#options = options;
    this.#specs = options.pod.spec.volumes ?? [];
  }

  /** Names of the ConfigMaps and Secrets behind the volumes, as `ConfigMap/name`. */
  get references(): ReadonlySet<string> {
    const found = new Set<string>();
    const add = (kind: string, name: string | undefined) => name && found.add(`${kind}/${name}`);
    for (const volume of this.#specs) {
      add("PersistentVolumeClaim", volume.persistentVolumeClaim?.claimName);
      add("ConfigMap", volume.configMap?.name);
      add("Secret", volume.secret?.secretName);
      for (const source of volume.projected?.sources ?? []) {
        add("ConfigMap", source.configMap?.name);
        add("Secret", source.secret?.name);
      }
    }
    return found;
  }

  /**
   * Brings all directories up to date. Calls run one after the other.
   *
   * @throws ConfigError when a ConfigMap, Secret or key is missing, or the kind of volume is not supported
   */
  sync(): Promise<void> {
    const next = this.#writing.then(() => this.#sync());
    this.#writing = next.catch(() => {});
    return next;
  }

  /** Mount paths of a container and what stands for them. */
  mountsOf(container: ContainerSpec): MountMapping[] {
    return (container.volumeMounts ?? []).flatMap(({ name, mountPath, subPath }) => {
      const root = this.#realPath(name);
      if (root === undefined) return [];
      return [{ mountPath, realPath: subPath ? join(root, subPath) : root }];
    });
  }

  /** Stops refreshing; a write that runs is awaited. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#refresh?.cancel();
    await this.#writing;
  }

  #realPath(name: string): string | undefined {
    const volume = this.#specs.find((each) => each.name === name);
    if (!volume) return undefined;
    if (volume.persistentVolumeClaim) return this.#claimPath(volume.persistentVolumeClaim.claimName);
    return volume.hostPath ? volume.hostPath.path : join(this.#options.dir, name);
  }

  /** Undefined while the claim does not exist or has no folder yet. */
  #claimPath(name: string): string | undefined {
    const { objects, pod, claimsDir } = this.#options;
    const claim = objects.get(PERSISTENT_VOLUME_CLAIMS, pod.metadata.namespace, name);
    return claim?.status?.phase === "Bound" ? claimFolder(claimsDir, claim) : undefined;
  }

  async #sync(): Promise<void> {
    if (this.#closed) return;
    for (const volume of this.#specs) {
      const kind = Object.keys(volume).find((key) => key !== "name") ?? "emptyDir";
      if (!HANDLED.includes(kind)) {
        throw new ConfigError(`volume "${volume.name}": the local cluster has no ${kind} volumes`);
      }
      if (volume.hostPath) continue;
      if (volume.persistentVolumeClaim) {
        const { claimName } = volume.persistentVolumeClaim;
        if (this.#claimPath(claimName) !== undefined) continue;
        throw new ConfigError(`persistentvolumeclaim "${claimName}" not found, or not bound yet`);
      }
      const path = join(this.#options.dir, volume.name);
      if (kind === "emptyDir") {
        await mkdir(path, { recursive: true });
        continue;
      }
      let dir = this.#dirs.get(volume.name);
      if (!dir) this.#dirs.set(volume.name, (dir = new AtomicDir(path)));
      await dir.write(await this.#payload(volume));
    }
    this.#scheduleRefresh();
  }

  async #payload(volume: VolumeSpec): Promise<Map<string, PayloadFile>> {
    const files = new Map<string, PayloadFile>();
    if (volume.configMap) {
      this.#addKeys(
        files,
        "configmap",
        volume.configMap.name,
        volume.configMap,
        volume.configMap.defaultMode,
      );
    } else if (volume.secret) {
      this.#addKeys(files, "secret", volume.secret.secretName, volume.secret, volume.secret.defaultMode);
    } else if (volume.downwardAPI) {
      this.#addDownward(files, volume.downwardAPI.items ?? [], volume.downwardAPI.defaultMode);
    } else {
      for (const [index, source] of (volume.projected?.sources ?? []).entries()) {
        await this.#addSource(files, `${volume.name}/${index}`, source, volume.projected?.defaultMode);
      }
    }
    return files;
  }

  async #addSource(
    files: Map<string, PayloadFile>,
    key: string,
    source: ProjectedSource,
    mode: number | undefined,
  ): Promise<void> {
    if (source.configMap) this.#addKeys(files, "configmap", source.configMap.name, source.configMap, mode);
    if (source.secret) this.#addKeys(files, "secret", source.secret.name, source.secret, mode);
    if (source.downwardAPI) this.#addDownward(files, source.downwardAPI.items ?? [], mode);
    if (source.serviceAccountToken) {
      const { path, audience, expirationSeconds } = source.serviceAccountToken;
      const token = await this.#token(key, audience, expirationSeconds ?? TOKEN_EXPIRATION_SECONDS);
      files.set(safePath(path), { bytes: Buffer.from(token), mode: 0o600 });
    }
  }

  #addKeys(
    files: Map<string, PayloadFile>,
    kind: "configmap" | "secret",
    name: string,
    selection: KeySelection,
    defaultMode: number | undefined,
  ): void {
    const resource = kind === "configmap" ? CONFIG_MAPS : SECRETS;
    const object = this.#options.objects.get(resource, this.#options.pod.metadata.namespace, name);
    if (!object) {
      if (selection.optional) return;
      throw new ConfigError(`${kind} "${name}" not found`);
    }
    const data = decodedData(object);
    const items = selection.items ?? Object.keys(data).map((key) => ({ key, path: key, mode: undefined }));
    for (const { key, path, mode } of items) {
      const bytes = data[key];
      if (bytes) files.set(safePath(path), { bytes, mode: mode ?? defaultMode ?? DEFAULT_MODE });
      else if (!selection.optional) throw new ConfigError(`${kind} "${name}" has no key "${key}"`);
    }
  }

  #addDownward(
    files: Map<string, PayloadFile>,
    items: readonly DownwardItem[],
    mode: number | undefined,
  ): void {
    const context = this.#options.downward();
    const { spec } = context.pod;
    const containers: readonly ContainerSpec[] = [...(spec.initContainers ?? []), ...spec.containers];
    for (const item of items) {
      const value = item.fieldRef
        ? fieldValue(context, item.fieldRef.fieldPath)
        : item.resourceFieldRef && resourceValue(context, containers, undefined, item.resourceFieldRef);
      if (value === undefined) throw new ConfigError(`downward API has no value for "${item.path}"`);
      files.set(safePath(item.path), { bytes: Buffer.from(value), mode: mode ?? DEFAULT_MODE });
    }
  }

  async #token(key: string, audience: string | undefined, expirationSeconds: number): Promise<string> {
    const { clock, pod } = this.#options;
    const held = this.#tokens.get(key);
    if (held && clock.now() < held.refreshAtMs) return held.token;
    const issuedAtMs = clock.now();
    const { token, expiresAtMs } = await this.#options.mintToken({
      namespace: pod.metadata.namespace!,
      serviceAccount: pod.spec.serviceAccountName ?? "default",
      audiences: audience ? [audience] : [],
      expirationSeconds,
      pod: { name: pod.metadata.name!, uid: pod.metadata.uid! },
    });
    const lifetimeMs = expiresAtMs - issuedAtMs;
    const refreshAtMs = issuedAtMs + Math.min(lifetimeMs * TOKEN_REFRESH_SHARE, TOKEN_REFRESH_MS_MAX);
    this.#tokens.set(key, { token, refreshAtMs });
    return token;
  }

  #scheduleRefresh(): void {
    this.#refresh?.cancel();
    if (this.#closed || this.#tokens.size === 0) return;
    const dueMs = Math.min(...[...this.#tokens.values()].map(({ refreshAtMs }) => refreshAtMs));
    this.#refreshIn(Math.max(0, dueMs - this.#options.clock.now()));
  }

  #refreshIn(delayMs: number): void {
    this.#refresh = this.#options.clock.schedule(delayMs, () => {
      this.sync().catch((caught: unknown) => {
        this.#options.onError(caught instanceof Error ? caught : new Error(String(caught)));
        if (!this.#closed) this.#refreshIn(TOKEN_RETRY_MS);
      });
    });
  }
}

/** A path inside of the volume; one that leads out of it is refused. */
function safePath(path: string): string {
  const clean = normalize(path);
  if (isAbsolute(clean) || clean.split("/").includes("..") || clean.startsWith("..")) {
    throw new ConfigError(`path "${path}" leads out of its volume`);
  }
  return clean;
}
