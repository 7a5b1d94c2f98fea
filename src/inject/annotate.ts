import type { KubeObject } from "../base/kube-object.ts";
import { COMPONENT_LABEL, INJECT_ANNOTATION, PROXY_CONTAINER, WORKLOAD_NS_LABEL } from "../base/names.ts";
import { isTree } from "../values/merge.ts";
import type { Values } from "../values/values.ts";
import { OPAQUE_PORTS_ANNOTATION } from "./config-annotations.ts";
import { inspectPod, isLegal, reasonText } from "./decision.ts";
import { injectPod } from "./inject-pod.ts";
import { applyJsonPatch } from "./json-patch.ts";
import { valueAtPath, withValueAt } from "./kinds.ts";
import { containersOf, hasUsableMetadata, initContainersOf, type PodSpec, textEntries } from "./pod-spec.ts";
import { type ResourceReport, skippedReport } from "./resource-report.ts";
import type { RewriteObject, RewriteTarget } from "./rewrite-objects.ts";
import { createUninjector } from "./uninject.ts";

export interface InjectorOptions {
  /** Value of the inject annotation. */
  readonly inject: "enabled" | "ingress";
  /** `config.meshctl.io/*` annotations that the command line asks for. */
  readonly overrides: Readonly<Record<string, string>>;
  /** Values to build the proxy from, in the manifest itself; undefined: only annotations, and the webhook does the rest. */
  readonly manual: Values | undefined;
}

const BAD_METADATA = "its metadata, annotations or labels are no map, so it is left alone";

/** The rewriter behind `meshctl inject` (reference cli 3.2, 3.3). */
export function createInjector(options: InjectorOptions): RewriteObject {
  return (target) => {
    switch (target.class.class) {
      case "workload":
        return injectWorkload(target, target.class.templatePath, options);
      case "namespace":
        return annotateNamespace(target, options);
      case "service":
        return annotateService(target, options);
      default:
        return { object: target.object, report: skippedReport(target.object.kind, nameOf(target.object)) };
    }
  };
}

function injectWorkload(
  target: RewriteTarget,
  templatePath: readonly string[],
  options: InjectorOptions,
): ReturnType<RewriteObject> {
  // Injecting again starts from what stood there before the first time.
  const clean = hasOurProxy(target, templatePath)
    ? createUninjector({ metadata: "manual" })(target).object
    : target.object;
  const object = clean as KubeObject;
  const template = valueAtPath(object, templatePath);
  const name = nameOf(object);
  const base = skippedReport(object.kind, name);
  // `spec.template` is missing or no map: nothing that Kubernetes would accept, so nothing to inject.
  if (!isTree(template) || !isTree(template.spec)) return { object: target.object, report: base };
  if (!hasUsableMetadata(template))
    return { object: target.object, report: { ...base, warnings: [BAD_METADATA] } };

  const facts = inspectPod(template.spec as PodSpec);
  const annotations = textEntries(valueAtPath(template, ["metadata", "annotations"]));
  const labels = textEntries(valueAtPath(template, ["metadata", "labels"]));
  const said = annotations[INJECT_ANNOTATION] ?? "";
  const report: ResourceReport = { ...base, ...facts, supported: true, disabled: said === "disabled" };
  const unchanged = (more: Partial<ResourceReport>) => ({
    object: target.object,
    report: { ...report, ...more },
  });
  if (labels[COMPONENT_LABEL] !== undefined) {
    return unchanged({ outcome: "failed", failure: "it is part of the control plane, which has no proxies" });
  }
  if (report.disabled) return unchanged({ outcome: "skipped" });
  const obstacles: string[] = [];
  if (facts.hostNetwork) obstacles.push(reasonText("host_network_enabled"));
  if (facts.sidecar) obstacles.push(reasonText("sidecar_already_exists"));
  if (obstacles.length > 0) {
    if (facts.udpPorts) obstacles.push("UDP port(s) configured on pod spec");
    return unchanged({ outcome: "failed", failure: obstacles.join(", ") });
  }
  const warnings = isLegal(said)
    ? []
    : [`annotation ${INJECT_ANNOTATION}: "${said}" was none of enabled, ingress, disabled`];

  if (options.manual) {
    const pod = withAnnotations(template, options.overrides) as KubeObject;
    const { patch, report: decision } = injectPod({
      pod,
      namespace: undefined,
      owner: templatePath.length === 0 ? undefined : { kind: object.kind, name },
      values: options.manual,
      mode: "manual",
    });
    if (!decision.injected)
      return unchanged({ outcome: "failed", failure: decision.reasons.map(reasonText).join(", ") });
    const injected = applyJsonPatch(pod, patch);
    const namespace = object.metadata?.namespace;
    const metadata = injected.metadata;
    if (namespace !== undefined) metadata.labels = { ...metadata.labels, [WORKLOAD_NS_LABEL]: namespace };
    return {
      object: withValueAt(object, templatePath, injected),
      report: { ...report, outcome: "injected", warnings: [...warnings, ...decision.warnings] },
    };
  }
  const wanted = { [INJECT_ANNOTATION]: wantedInject(said, options), ...options.overrides };
  const changed = withAnnotations(template, wanted);
  return {
    object: changed === template ? object : withValueAt(object, templatePath, changed),
    report: { ...report, outcome: "injected", warnings },
  };
}

function annotateNamespace({ object }: RewriteTarget, options: InjectorOptions): ReturnType<RewriteObject> {
  const base = { ...skippedReport(object.kind, nameOf(object)), supported: true };
  if (!hasUsableMetadata(object)) return { object, report: { ...base, warnings: [BAD_METADATA] } };
  const annotations = textEntries(valueAtPath(object, ["metadata", "annotations"]));
  if (annotations[INJECT_ANNOTATION] === "disabled") return { object, report: { ...base, disabled: true } };
  const said = annotations[INJECT_ANNOTATION] ?? "";
  const wanted = options.manual
    ? options.overrides
    : { [INJECT_ANNOTATION]: wantedInject(said, options), ...options.overrides };
  if (Object.keys(wanted).length === 0) return { object, report: base };
  return { object: withAnnotations(object, wanted), report: { ...base, outcome: "annotated" } };
}

/** Who asked for ingress mode by hand keeps it. */
function wantedInject(said: string, options: InjectorOptions): string {
  return said === "ingress" ? said : options.inject;
}

/** A Service has no proxy; only which of its ports are opaque concerns it. */
function annotateService({ object }: RewriteTarget, options: InjectorOptions): ReturnType<RewriteObject> {
  const base = skippedReport(object.kind, nameOf(object));
  const opaquePorts = options.overrides[OPAQUE_PORTS_ANNOTATION];
  if (opaquePorts === undefined) return { object, report: base };
  if (!hasUsableMetadata(object)) return { object, report: { ...base, warnings: [BAD_METADATA] } };
  return {
    object: withAnnotations(object, { [OPAQUE_PORTS_ANNOTATION]: opaquePorts }),
    report: { ...base, supported: true, outcome: "annotated" },
  };
}

/** A copy with annotations added or changed; the object itself when it has them all. */
function withAnnotations<T extends Record<string, unknown>>(
  object: T,
  wanted: Readonly<Record<string, string>>,
): T {
  const metadata = isTree(object.metadata) ? object.metadata : {};
  const present = isTree(metadata.annotations) ? metadata.annotations : {};
  if (Object.entries(wanted).every(([key, value]) => present[key] === value)) return object;
  return { ...object, metadata: { ...metadata, annotations: { ...present, ...wanted } } };
}

function hasOurProxy(target: RewriteTarget, templatePath: readonly string[]): boolean {
  const spec = (valueAtPath(target.object, [...templatePath, "spec"]) ?? {}) as PodSpec;
  return [...containersOf(spec), ...initContainersOf(spec)].some(({ name }) => name === PROXY_CONTAINER);
}

export function nameOf(object: KubeObject): string {
  const name = object.metadata?.name ?? object.metadata?.generateName;
  return typeof name === "string" ? name : "";
}
