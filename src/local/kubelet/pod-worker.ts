import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../base/clock.ts";
import type { KubeObject } from "../../base/kube-object.ts";
import type { Logger } from "../../base/log.ts";
import { isNotFound } from "../controllers/controller.ts";
import type { EventRecorder } from "../controllers/events.ts";
import type { PodAddresses } from "../network/addresses.ts";
import type { PodNetworkEnvironment } from "../network/pod-environment.ts";
import { podNetworkEnvironment } from "../network/pod-environment.ts";
import type { ObjectApi } from "../object-api.ts";
import { PODS, SERVICES } from "../resources.ts";
import { ContainerRunner } from "./container-runner.ts";
import type { ContainerView } from "./container-state.ts";
import type { DownwardContext } from "./downward.ts";
import { ConfigError } from "./environment.ts";
import type { LaunchSettings } from "./launch.ts";
import { prepareLaunch } from "./launch.ts";
import type { ContainerSpec } from "./pod-spec.ts";
import { podStatus } from "./pod-status.ts";
import type { MintToken } from "./volumes.ts";
import { PodVolumes } from "./volumes.ts";

/** What is the same for all pods of the node. */
export interface PodWorkerSettings extends LaunchSettings {
  readonly objects: ObjectApi;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  readonly events: EventRecorder;
  readonly mintToken: MintToken;
  readonly node: {
    readonly name: string;
    readonly ip: string;
    readonly cpus: number;
    readonly memoryBytes: number;
  };
  readonly clusterDomain: string;
  readonly dnsServer: string;
  /** Directory of all pods. */
  readonly podsDir: string;
  readonly claimsDir: string;
}

const VOLUME_RETRY_MS = 2000;
const STATUS_RETRY_MS = 500;
/** What a sidecar gets to end, however long the application took of the pod's grace. */
const SIDECAR_GRACE_MS_MIN = 1000;

/**
 * One pod from its assignment to the node until its processes are gone.
 *
 * ```
 *   volumes --> init 1 --> sidecar A (started) --> init 2 --> all application containers --> (all ended) --> sidecars stop
 *      |           |             |                    |                  |
 *      '-----------'-------------'-- terminate() -----'------------------'--> applications stop --> sidecars stop, last first
 * ```
 */
export class PodWorker {
  readonly addresses: PodAddresses;
  readonly #settings: PodWorkerSettings;
  readonly #startedAtMs: number;
  readonly #dir: string;
  readonly #runners: ContainerRunner[];
  readonly #volumes: PodVolumes;
  readonly #terminating = Promise.withResolvers<"terminating">();
  #pod: KubeObject;
  #network: PodNetworkEnvironment | undefined;
  #failure: { reason: string; message: string } | undefined;
  #isTerminating = false;
  #termination: Promise<void> | undefined;
  #lifecycle: Promise<void> = Promise.resolve();
  #wakeVolumes: (() => void) | undefined;
  #statusDirty = false;
  #statusWriter: Promise<void> | undefined;
  #closed = false;

  constructor(pod: KubeObject, addresses: PodAddresses, settings: PodWorkerSettings) {
    this.#pod = pod;
    this.#settings = settings;
    this.addresses = addresses;
    this.#startedAtMs = settings.clock.now();
    this.#dir = join(settings.podsDir, pod.metadata.uid!);
    this.#volumes = new PodVolumes({
      objects: settings.objects,
      clock: settings.clock,
      mintToken: settings.mintToken,
      dir: join(this.#dir, "volumes"),
      claimsDir: settings.claimsDir,
      pod,
      downward: () => this.#downward(),
      onError: (error) => this.#event("Warning", "FailedMount", error.message),
    });
    this.#runners = [
      ...(pod.spec.initContainers ?? []).map((spec: ContainerSpec) =>
        this.#createRunner(spec, spec.restartPolicy === "Always" ? "sidecar" : "init"),
      ),
      ...pod.spec.containers.map((spec: ContainerSpec) => this.#createRunner(spec, "main")),
    ];
  }

  get pod(): KubeObject {
    return this.#pod;
  }

  /** Name of the container that is the proxy; undefined when the pod is not meshed. */
  get proxyContainer(): string | undefined {
    return this.#networkEnvironment().proxyContainer;
  }

  start(): void {
    this.#publish();
    this.#lifecycle = this.#run().catch((caught: unknown) => {
      const message = caught instanceof Error ? caught.message : String(caught);
      this.#settings.log.error("a pod's lifecycle broke", { pod: this.#pod.metadata.name, error: message });
      this.#failure = { reason: "KubeletError", message };
      this.#publish();
    });
  }

  /** The pod object changed: labels and annotations reach downward volumes and waiting containers. */
  update(pod: KubeObject): void {
    const old = this.#pod.metadata;
    this.#pod = pod;
    const isSame =
      JSON.stringify([old.labels, old.annotations]) ===
      JSON.stringify([pod.metadata.labels, pod.metadata.annotations]);
    if (isSame || this.#isTerminating) return;
    this.#refresh();
  }

  /** A ConfigMap, Secret or Service of the namespace changed. */
  objectChanged(kind: string, name: string): void {
    if (this.#isTerminating) return;
    if (this.#volumes.references.has(`${kind}/${name}`)) this.#refresh();
    else for (const runner of this.#runners) runner.poke();
  }

  runner(container: string): ContainerRunner | undefined {
    return this.#runners.find(({ view }) => view.name === container);
  }

  /** Ends the pod's processes; resolves when they are gone, its directory too. Calling again may shorten the grace. */
  terminate(graceMs: number): Promise<void> {
    if (this.#termination) {
      // The first call goes on; less grace just ends its waiting earlier.
      for (const runner of this.#runners) {
        if (runner.view.state.type === "running" && graceMs === 0) void runner.stop(0);
      }
      return this.#termination;
    }
    this.#isTerminating = true;
    this.#terminating.resolve("terminating");
    this.#termination = this.#terminate(graceMs);
    return this.#termination;
  }

  async #terminate(graceMs: number): Promise<void> {
    const { clock } = this.#settings;
    const deadlineMs = clock.monotonic() + graceMs;
    const isSidecar = (runner: ContainerRunner): boolean => runner.view.role === "sidecar";
    for (const runner of this.#runners) {
      if (runner.view.state.type === "running") {
        this.#event("Normal", "Killing", `Stopping container ${runner.view.name}`);
      }
    }
    await Promise.all(
      this.#runners.filter((runner) => !isSidecar(runner)).map((runner) => runner.stop(graceMs)),
    );
    for (const sidecar of this.#runners.filter(isSidecar).reverse()) {
      const leftMs = graceMs === 0 ? 0 : Math.max(SIDECAR_GRACE_MS_MIN, deadlineMs - clock.monotonic());
      await sidecar.stop(leftMs);
    }
    await this.#lifecycle;
    await this.#volumes.close();
    await this.#statusWriter;
    this.#closed = true;
    await rm(this.#dir, { recursive: true, force: true, maxRetries: 3 });
  }

  async #run(): Promise<void> {
    if (!(await this.#mountVolumes())) return;
    for (const runner of this.#runners.filter(({ view }) => view.role !== "main")) {
      if (this.#isTerminating) return;
      runner.start();
      const milestone = runner.view.role === "sidecar" ? runner.whenStarted : runner.whenFinished;
      await Promise.race([milestone, this.#terminating.promise]);
      const { state, role } = runner.view;
      if (role === "init" && state.type === "terminated" && state.exitCode !== 0) return this.#stopSidecars();
    }
    if (this.#isTerminating) return;
    const mains = this.#runners.filter(({ view }) => view.role === "main");
    for (const runner of mains) runner.start();
    await Promise.race([Promise.all(mains.map((runner) => runner.whenFinished)), this.#terminating.promise]);
    if (!this.#isTerminating) await this.#stopSidecars();
  }

  async #stopSidecars(): Promise<void> {
    const graceMs = this.#graceMs();
    for (const runner of [...this.#runners].reverse()) {
      if (runner.view.role === "sidecar") await runner.stop(graceMs);
    }
  }

  /** @returns false when the pod ended meanwhile */
  async #mountVolumes(): Promise<boolean> {
    while (!this.#isTerminating) {
      try {
        await this.#volumes.sync();
        return true;
      } catch (caught) {
        const message = caught instanceof Error ? caught.message : String(caught);
        this.#event("Warning", "FailedMount", `MountVolume.SetUp failed: ${message}`);
        if (!(caught instanceof ConfigError)) {
          this.#settings.log.warn("volumes were not mounted", {
            pod: this.#pod.metadata.name,
            error: message,
          });
        }
        await this.#pauseVolumes();
      }
    }
    return false;
  }

  #pauseVolumes(): Promise<void> {
    const waited = new Promise<void>((resolve) => {
      const timer = this.#settings.clock.schedule(VOLUME_RETRY_MS, () => this.#wakeVolumes?.());
      this.#wakeVolumes = () => {
        timer.cancel();
        this.#wakeVolumes = undefined;
        resolve();
      };
    });
    return Promise.race([waited, this.#terminating.promise.then(() => this.#wakeVolumes?.())]);
  }

  #refresh(): void {
    if (this.#wakeVolumes) {
      this.#wakeVolumes();
      return;
    }
    this.#volumes
      .sync()
      .catch((caught: unknown) => {
        this.#event("Warning", "FailedMount", caught instanceof Error ? caught.message : String(caught));
      })
      .finally(() => {
        for (const runner of this.#runners) runner.poke();
      });
  }

  #createRunner(spec: ContainerSpec, role: ContainerView["role"]): ContainerRunner {
    const { clock, random, node } = this.#settings;
    const dir = join(this.#dir, "containers", spec.name);
    return new ContainerRunner({
      spec,
      role,
      restartPolicy: this.#pod.spec.restartPolicy ?? "Always",
      clock,
      random,
      dir,
      prepare: () =>
        prepareLaunch({
          settings: this.#settings,
          pod: this.#pod,
          container: spec,
          downward: this.#downward(),
          network: this.#networkEnvironment(),
          volumeMounts: this.#volumes.mountsOf(spec),
          dir,
        }),
      probeTarget: {
        host: this.addresses.publicIp,
        sourceHost: node.ip,
        resolvePort: (port) => resolvePort(spec, port),
      },
      graceMs: this.#graceMs(),
      onChange: () => this.#publish(),
      onEvent: (type, reason, message) => this.#event(type, reason, message),
    });
  }

  /** Fixed at the first use: proxy and application must agree on the ports. */
  #networkEnvironment(): PodNetworkEnvironment {
    this.#network ??= podNetworkEnvironment({
      pod: this.#pod,
      addresses: this.addresses,
      services: this.#settings.objects.list(SERVICES, this.#pod.metadata.namespace),
      clusterDomain: this.#settings.clusterDomain,
      dnsServer: this.#settings.dnsServer,
    });
    return this.#network;
  }

  #downward(): DownwardContext {
    const { node } = this.#settings;
    return {
      pod: this.#pod,
      podIp: this.addresses.publicIp,
      hostIp: node.ip,
      nodeName: node.name,
      node,
    };
  }

  #graceMs(): number {
    return (this.#pod.spec.terminationGracePeriodSeconds ?? 30) * 1000;
  }

  #event(type: "Normal" | "Warning", reason: string, message: string): void {
    this.#settings.events.record(this.#pod, type, reason, message);
  }

  /** Writes the status soon; changes while a write is under way become one more write. */
  #publish(): void {
    this.#statusDirty = true;
    this.#statusWriter ??= this.#writeStatuses().finally(() => {
      this.#statusWriter = undefined;
    });
  }

  async #writeStatuses(): Promise<void> {
    while (this.#statusDirty && !this.#closed) {
      // A turn of the event loop: a container that starts changes several things at once.
      await new Promise<void>((resolve) => setImmediate(resolve));
      this.#statusDirty = false;
      const { objects, clock, node } = this.#settings;
      const status = podStatus({
        pod: this.#pod,
        containers: this.#runners.map(({ view }) => view),
        podIp: this.addresses.publicIp,
        hostIp: node.ip,
        startedAtMs: this.#startedAtMs,
        nowMs: clock.now(),
        ...(this.#failure ? { failure: this.#failure } : {}),
      });
      const { namespace, name, uid } = this.#pod.metadata;
      try {
        // A pod of the same name may have come after this one: it must not be told this one's state.
        this.#pod = await objects.mergePatch(PODS, namespace, name!, { metadata: { uid }, status }, "status");
      } catch (caught) {
        if (isNotFound(caught) || objects.get(PODS, namespace, name!)?.metadata.uid !== uid) return;
        this.#settings.log.warn("a pod's status was not written", { pod: name, error: String(caught) });
        this.#statusDirty = true;
        await new Promise<void>((resolve) => this.#settings.clock.schedule(STATUS_RETRY_MS, resolve));
      }
    }
  }
}

function resolvePort(spec: ContainerSpec, port: number | string): number | undefined {
  if (typeof port === "number") return port;
  if (/^\d+$/.test(port)) return Number(port);
  return spec.ports?.find(({ name }) => name === port)?.containerPort;
}
