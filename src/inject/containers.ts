import { DEBUG_CONTAINER, INIT_CONTAINER, PROXY_CONTAINER, TOKEN_AUDIENCE } from "../base/names.ts";
import type { PodSettings } from "./pod-settings.ts";
import type { PodSpec } from "./pod-spec.ts";
import { END_ENTITY_DIR, proxyEnv, TOKEN_DIR, TOKEN_NAME } from "./proxy-env.ts";

export const END_ENTITY_VOLUME = "meshctl-identity-end-entity";
export const TOKEN_VOLUME = TOKEN_NAME;
export const XTABLES_VOLUME = "meshctl-proxy-init-xtables-lock";
/** Every volume that injection may add; `uninject` takes these out. */
export const INJECTED_VOLUMES: readonly string[] = [XTABLES_VOLUME, END_ENTITY_VOLUME, TOKEN_VOLUME];

/** Seconds that a service-account token for identity lives; the kubelet renews it at 80 %. */
const TOKEN_LIFETIME_SECONDS = 86_400;

export function proxyVolumes(settings: PodSettings): Record<string, unknown>[] {
  const volumes: Record<string, unknown>[] = [];
  if (needsLockFile(settings)) volumes.push({ name: XTABLES_VOLUME, emptyDir: {} });
  volumes.push(
    // Keys never touch a disk.
    { name: END_ENTITY_VOLUME, emptyDir: { medium: "Memory" } },
    {
      name: TOKEN_VOLUME,
      projected: {
        sources: [
          {
            serviceAccountToken: {
              audience: TOKEN_AUDIENCE,
              expirationSeconds: TOKEN_LIFETIME_SECONDS,
              path: TOKEN_NAME,
            },
          },
        ],
      },
    },
  );
  return volumes;
}

/** The sidecar. `native`: an init container that keeps running, so that it starts before the application and ends after it. */
export function proxyContainer(settings: PodSettings, spec: PodSpec): Record<string, unknown> {
  const { proxy } = settings.values;
  const admin = (path: string) => ({ httpGet: { path, port: proxy.ports.admin } });
  return {
    name: PROXY_CONTAINER,
    image: imageReference(proxy.image),
    imagePullPolicy: proxy.image.pullPolicy,
    args: ["proxy"],
    ...(proxy.nativeSidecar ? { restartPolicy: "Always" } : {}),
    ports: [
      { name: "meshctl-proxy", containerPort: proxy.ports.inbound },
      { name: "meshctl-admin", containerPort: proxy.ports.admin },
    ],
    env: proxyEnv(settings, spec),
    livenessProbe: { ...admin("/live"), initialDelaySeconds: 10, timeoutSeconds: 1 },
    readinessProbe: { ...admin("/ready"), initialDelaySeconds: 2, timeoutSeconds: 1 },
    // The application's containers start once this has passed.
    ...(proxy.nativeSidecar && proxy.await
      ? {
          startupProbe: {
            ...admin("/ready"),
            initialDelaySeconds: 0,
            periodSeconds: 1,
            failureThreshold: 120,
          },
        }
      : {}),
    ...classicLifecycle(settings),
    resources: resources(settings),
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      runAsUser: proxy.uid,
      ...(proxy.gid >= 0 ? { runAsGroup: proxy.gid } : {}),
      seccompProfile: { type: "RuntimeDefault" },
    },
    terminationMessagePolicy: "FallbackToLogsOnError",
    // No service-account mount: the proxy never speaks to the API server.
    volumeMounts: [
      { name: END_ENTITY_VOLUME, mountPath: END_ENTITY_DIR },
      { name: TOKEN_VOLUME, mountPath: TOKEN_DIR },
    ],
  };
}

/** Legacy iptables wants a lock file in /run, and the container's root is read-only; the others take no lock. */
function needsLockFile({ values }: PodSettings): boolean {
  return values.proxy.capture === "transparent" && values.proxyInit.mode === "iptables-legacy";
}

/**
 * Writes the redirect rules and ends. Only with transparent capture.
 *
 * It runs as root, without anything that root can do but writing rules: a runtime gives added capabilities to a process of
 * another user only where its program has file capabilities, which a Node program cannot have without giving them to every
 * other one. `runAsRoot: false` is for runtimes that grant ambient capabilities.
 */
export function initContainer(settings: PodSettings): Record<string, unknown> {
  const { proxy, proxyInit, disableIpv6 } = settings.values;
  const list = (...ports: (string | number)[]) => ports.filter((port) => port !== "").join(",");
  const args = [
    "proxy-init",
    `--mode=${proxyInit.mode}`,
    `--incoming-proxy-port=${proxy.ports.inbound}`,
    `--outgoing-proxy-port=${proxy.ports.outbound}`,
    `--proxy-uid=${proxy.uid}`,
    ...(proxy.gid >= 0 ? [`--proxy-gid=${proxy.gid}`] : []),
    `--inbound-ports-to-ignore=${list(proxy.ports.control, proxy.ports.admin, proxyInit.ignoreInboundPorts)}`,
    ...(proxyInit.ignoreOutboundPorts === ""
      ? []
      : [`--outbound-ports-to-ignore=${proxyInit.ignoreOutboundPorts}`]),
    ...(proxyInit.skipSubnets === "" ? [] : [`--subnets-to-ignore=${proxyInit.skipSubnets}`]),
    ...(disableIpv6 ? ["--ipv6=false"] : []),
    ...(proxyInit.closeWaitTimeoutSecs > 0
      ? [`--timeout-close-wait-secs=${proxyInit.closeWaitTimeoutSecs}`]
      : []),
    ...(proxy.logFormat === "json" ? ["--log-format=json"] : []),
  ];
  const privileged = proxyInit.closeWaitTimeoutSecs > 0;
  return {
    name: INIT_CONTAINER,
    image: imageReference(proxy.image),
    imagePullPolicy: proxy.image.pullPolicy,
    args,
    resources: resources(settings),
    securityContext: {
      // A sysctl of the pod's network can be written by privileged containers alone.
      allowPrivilegeEscalation: privileged,
      capabilities: {
        add: proxyInit.mode === "iptables-legacy" ? ["NET_ADMIN", "NET_RAW"] : ["NET_ADMIN"],
        drop: ["ALL"],
      },
      privileged,
      readOnlyRootFilesystem: true,
      runAsNonRoot: !proxyInit.runAsRoot,
      runAsUser: proxyInit.runAsRoot ? 0 : 65534,
      runAsGroup: proxyInit.runAsRoot ? 0 : 65534,
      seccompProfile: { type: "RuntimeDefault" },
    },
    terminationMessagePolicy: "FallbackToLogsOnError",
    ...(needsLockFile(settings) ? { volumeMounts: [{ name: XTABLES_VOLUME, mountPath: "/run" }] } : {}),
  };
}

/**
 * A container in which somebody looks at the pod's network: `kubectl exec -it POD -c meshctl-debug -- node`. An image of one's own
 * (`debug-image`) runs as it likes, with what its tools need; ours waits.
 */
export function debugContainer({ values, debug }: PodSettings): Record<string, unknown> {
  const { image, uid } = values.proxy;
  const isOwnImage = debug.image === "";
  return {
    name: DEBUG_CONTAINER,
    image: isOwnImage
      ? imageReference({ ...image, version: debug.version || image.version })
      : imageReference({ name: debug.image, version: debug.version }),
    imagePullPolicy: debug.pullPolicy || image.pullPolicy,
    ...(isOwnImage && {
      command: ["node", "-e", "process.on('SIGTERM', () => process.exit(0)); setInterval(() => {}, 2 ** 30)"],
      securityContext: {
        allowPrivilegeEscalation: false,
        capabilities: { drop: ["ALL"] },
        readOnlyRootFilesystem: true,
        runAsNonRoot: true,
        // Not the proxy's, whose connections nobody redirects.
        runAsUser: uid === NOBODY ? NOBODY - 1 : NOBODY,
        seccompProfile: { type: "RuntimeDefault" },
      },
    }),
    terminationMessagePolicy: "FallbackToLogsOnError",
  };
}

const NOBODY = 65_534;

/** `name:tag`; a name that already has a tag or digest stands as it is when no tag is given. */
export function imageReference(image: { readonly name: string; readonly version: string }): string {
  return image.version === "" ? image.name : `${image.name}:${image.version}`;
}

function resources(settings: PodSettings): Record<string, unknown> {
  const { cpu, memory } = settings.values.proxy.resources;
  const pick = (end: "request" | "limit") => {
    const out: Record<string, string> = {};
    if (cpu[end] !== "") out.cpu = cpu[end];
    if (memory[end] !== "") out.memory = memory[end];
    if (settings.ephemeralStorage[end] !== "") out["ephemeral-storage"] = settings.ephemeralStorage[end];
    return out;
  };
  const requests = pick("request");
  const limits = pick("limit");
  return {
    ...(Object.keys(limits).length > 0 ? { limits } : {}),
    ...(Object.keys(requests).length > 0 ? { requests } : {}),
  };
}

/**
 * What startup probe and order of ending do for a native sidecar. The kubelet starts a pod's next container once this one's
 * `postStart` is done. With explicit capture the admin server's address is the kubelet's secret, and nothing waits.
 */
function classicLifecycle(settings: PodSettings): Record<string, unknown> {
  const { proxy } = settings.values;
  if (proxy.nativeSidecar) return {};
  const lifecycle = {
    ...(proxy.await && proxy.capture === "transparent"
      ? { postStart: awaitHook(`http://127.0.0.1:${proxy.ports.admin}/ready`) }
      : {}),
    ...(settings.waitBeforeExitSeconds > 0 ? { preStop: waitHook(settings.waitBeforeExitSeconds) } : {}),
  };
  return Object.keys(lifecycle).length > 0 ? { lifecycle } : {};
}

/** Fails after two minutes, as the startup probe of a native sidecar does. */
function awaitHook(url: string): Record<string, unknown> {
  const script = `for (let left = 600; !(await fetch("${url}").then((answer) => answer.ok, () => false)); left--) {
  if (left === 0) throw new Error("the proxy is not ready after two minutes");
  await new Promise((resolve) => setTimeout(resolve, 200));
}`;
  return { exec: { command: ["node", "--input-type=module", "-e", script] } };
}

/** The image has no `sleep`, but it has Node. */
function waitHook(seconds: number): Record<string, unknown> {
  return { exec: { command: ["node", "-e", `setTimeout(() => {}, ${seconds * 1000})`] } };
}
