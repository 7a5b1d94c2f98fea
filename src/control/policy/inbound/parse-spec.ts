import type { KubeObject } from "../../../base/kube-object.ts";
import { RouteProblem } from "../routes/route-problem.ts";

/** What is wrong with an object, where, and what would be right. */
export interface Problem {
  /** `spec.client.networks[0].cidr` */
  readonly field: string;
  readonly message: string;
  /** It is no mistake, only more than we can do. */
  readonly isUnsupported?: boolean;
}

/** Fields of the spec; others with their full path, which begins with `metadata.`. */
export type Report = (field: string, message: string) => void;

/** An object's meaning; undefined when something is wrong with it. Half a policy could let in what it should not. */
export interface Parsed<T> {
  readonly value: T | undefined;
  readonly problems: readonly Problem[];
}

/**
 * Makes a parser of one kind's objects. It remembers what it has read: an object is read once, however many ports it concerns.
 *
 * Discovery skips what has problems; the admission webhook refuses it with the same words.
 *
 * @param read  reports each problem that it finds; what it returns is dropped if there was one. It may throw on JSON of another shape
 */
export function createParser<T>(
  // biome-ignore lint/suspicious/noExplicitAny: the CRD's schema gives the shape, and what differs from it is caught
  read: (spec: any, report: Report, object: KubeObject) => T,
): (object: KubeObject) => Parsed<T> {
  const known = new WeakMap<KubeObject, Parsed<T>>();
  return (object) => {
    let parsed = known.get(object);
    if (!parsed) known.set(object, (parsed = parse(read, object)));
    return parsed;
  };
}

function parse<T>(
  read: (spec: KubeObject["spec"], report: Report, object: KubeObject) => T,
  object: KubeObject,
): Parsed<T> {
  const problems: Problem[] = [];
  try {
    const value = read(
      object.spec ?? {},
      (field, message) =>
        problems.push({ field: field.startsWith("metadata.") ? field : `spec.${field}`, message }),
      object,
    );
    if (problems.length === 0) return { value, problems };
  } catch (caught) {
    if (caught instanceof RouteProblem) {
      problems.push({ field: caught.field, message: caught.message.slice(caught.field.length + 2) });
    } else if (problems.length === 0)
      problems.push({
        field: "spec",
        message: `has not the shape of the schema: ${(caught as Error).message}`,
      });
  }
  return { value: undefined, problems };
}
