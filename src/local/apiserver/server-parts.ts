import type { Logger } from "../../base/log.ts";
import type { PodBackend, ServiceDialer } from "../object-api.ts";
import type { Rbac } from "./auth/rbac.ts";
import type { ReviewDeps } from "./auth/reviews.ts";
import type { Tokens } from "./auth/tokens.ts";
import type { Discovery } from "./discovery.ts";
import type { ListDeps } from "./list.ts";
import type { OpenApi } from "./openapi.ts";
import type { Operations } from "./operations.ts";
import type { Registry } from "./registry.ts";
import type { Store } from "./store.ts";
import type { WatchDeps } from "./watch.ts";

/** What handlers of requests work with; made once, in server.ts. */
export interface ServerParts {
  readonly store: Store;
  readonly registry: Registry;
  readonly operations: Operations;
  readonly rbac: Rbac;
  readonly tokens: Tokens;
  readonly reviews: ReviewDeps;
  readonly lists: ListDeps;
  readonly watches: WatchDeps;
  readonly discovery: Discovery;
  readonly openApi: OpenApi;
  readonly log: Logger;
  readonly gitVersion: string;
  /** Connected after the start. */
  podBackend: PodBackend | undefined;
  serviceDialer: ServiceDialer | undefined;
}
