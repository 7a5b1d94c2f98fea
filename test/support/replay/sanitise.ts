import { type Exchange, isWatch, type Json } from "./recording.ts";
import { isPlayable } from "./replay-watch.ts";

/** When the kept recording begins. */
const START_MS = Date.UTC(2026, 0, 2, 3, 4, 5);
const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g;
const UID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
/** Book-keeping and documentation that no replay looks at. */
const DROPPED_FIELDS = new Set([
  "managedFields",
  "description",
  "storageVersionHash",
  "kubernetes.io/description",
]);
/** The session's own, and the installation's. */
const NAMESPACES = new Set(["replay-session", "meshctl"]);
/** Definitions and webhooks of others, and of meshctl, which has many: one is enough. */
const OTHER_NAMES = /^(?!servers\.|kettles\.|replay\.).*\.io$/;
/** A watch is cut after so many events. */
const EVENTS_MAX = 6;
/** Resources of meshctl beside Server, whose definition the recording has. */
const OTHER_KINDS = /\/apis\/policy\.meshctl\.io\/[^/]+\/(?!servers$)/;
/** Not ours, about the machine, or answered by a kubelet: the server's own roles, its nodes, its lists of resources, logs. */
const DROPPED_PATHS =
  /^\/(apis?|apis?\/[^/]+|apis\/[^/]+\/[^/]+|api\/v1\/nodes|version|openapi.*)$|\/clusterroles|\/log$|\/proxy\/|\/customresourcedefinitions\/(?!servers\.|kettles\.)|\/clusterrolebindings/;

/**
 * Makes a recording small and nobody's: times moved to a fixed start, ids numbered, certificates, tokens and digests replaced, documentation
 * dropped; of a request that is repeated without another in between, only the last answer.
 */
export function sanitise(exchanges: readonly Exchange[]): Exchange[] {
  const kept = exchanges
    .filter((each) => !DROPPED_PATHS.test(each.path) && !OTHER_KINDS.test(each.path))
    .filter((each) => !isWatch(each) || isError(each) || isPlayable(each))
    .map(onlyOurs);
  const once = kept.filter((each, index) => !repeats(each, kept[index + 1]));
  const shift = START_MS - Date.parse(exchanges[0]?.at ?? "1970-01-01T00:00:00Z");
  const uids = new Map<string, string>();
  const events = new Map<string, string>();
  const uid = (found: string): string => number(uids, found, "00000000-0000-4000-8000-");
  const time = (found: string): string => {
    const text = new Date(Date.parse(found) + shift).toISOString();
    return found.includes(".") ? text : `${text.slice(0, 19)}Z`;
  };
  const clean = (text: string): string =>
    text
      .replace(UID, uid)
      .replace(TIME, time)
      .replace(/-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----(\\+n)?/g, "certificate")
      // PEM in base64.
      .replace(/LS0tLS1CRUdJTi[\w+/=]+/g, "Y2VydGlmaWNhdGU=")
      .replace(/eyJ[\w-]+\.[\w-]+\.[\w-]+/g, "token")
      .replace(/(containerd:\/\/|sha256:|SHA256=)[0-9a-f]{64}/g, "$1digest")
      .replace(/default-scheduler-[\w-]+/g, "default-scheduler-node")
      .replace(/(?<=\.)18[0-9a-f]{14}\b/g, (found) => number(events, found, "event"));
  const cleaned = once.map((each) => JSON.parse(clean(JSON.stringify(withoutDropped(each)))) as Exchange);
  return withoutEchoes(cleaned);
}

/** The same number for the same text, after a prefix. */
function number(known: Map<string, string>, found: string, prefix: string): string {
  const made = known.get(found) ?? `${prefix}${String(known.size + 1).padStart(12, "0")}`;
  known.set(found, made);
  return made;
}

/** Without GETs that were answered the same before, with no write in between. */
function withoutEchoes(exchanges: readonly Exchange[]): Exchange[] {
  const seen = new Map<string, string>();
  return exchanges.filter(({ step: _step, at: _at, ...rest }) => {
    if (rest.method !== "GET") {
      seen.clear();
      return true;
    }
    const key = JSON.stringify([rest.path, rest.query, rest.accept, rest.as]);
    const text = JSON.stringify([rest.status, rest.objects ?? rest.answer]);
    const isEcho = seen.get(key) === text;
    seen.set(key, text);
    return !isEcho;
  });
}

/** Lists and watches over all namespaces show the objects of others as well: those are left out. */
function onlyOurs(exchange: Exchange): Exchange {
  const { answer, objects, path } = exchange;
  if (isWatch(exchange) && Array.isArray(answer)) {
    return { ...exchange, answer: answer.filter(({ object }) => isOurs(path, object)).slice(0, EVENTS_MAX) };
  }
  if (exchange.status !== 200 || typeof answer !== "object") return exchange;
  const list = ["items", "rows"].find((key) => Array.isArray(answer[key]));
  if (list === undefined) return exchange;
  const ours = answer[list].filter((item: Json) => isOurs(path, list === "rows" ? item.object : item));
  return {
    ...exchange,
    answer: { ...answer, [list]: ours },
    ...(objects ? { objects: objects.filter((object) => isOurs(path, object)) } : {}),
  };
}

function isOurs(path: string, object: Json): boolean {
  const { namespace, name = "" } = object?.metadata ?? {};
  // A bookmark is about nothing.
  if (name === "") return true;
  if (path.endsWith("/namespaces")) return NAMESPACES.has(name);
  return namespace === undefined ? !OTHER_NAMES.test(name) : NAMESPACES.has(namespace);
}

function isError(exchange: Exchange): boolean {
  return Array.isArray(exchange.answer) && exchange.answer[0]?.type === "ERROR";
}

function repeats(each: Exchange, next: Exchange | undefined): boolean {
  return (
    next !== undefined &&
    each.method === "GET" &&
    next.method === "GET" &&
    each.path === next.path &&
    each.query === next.query &&
    each.accept === next.accept &&
    each.as === next.as
  );
}

function withoutDropped(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutDropped);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !DROPPED_FIELDS.has(key))
      .map(([key, each]) => [key, withoutDropped(each)]),
  );
}
