import type { ControlSettings } from "../control-settings.ts";
import type { ClusterIndex } from "../index/cluster-index.ts";
import type { View, Views } from "../index/view.ts";
import {
  type EndpointSetView,
  type EndpointsQuery,
  endpointsKey,
  endpointsSpec,
  isNodeLocal,
} from "./endpoints.ts";

export interface EndpointsTarget {
  readonly namespace: string;
  readonly service: string;
  readonly port: number;
  readonly hostname: string | undefined;
  /** Of the client; "" when unknown. */
  readonly nodeName: string;
}

export interface EndpointsReaders {
  readonly index: ClusterIndex;
  readonly views: Views;
  readonly settings: ControlSettings;
}

/**
 * The endpoints of a Service as one client should see them. Clients share a view as far as their places make no difference: those of
 * one zone, or of one node where the Service is node-local. A client moves to another view when its node's zone or the Service's
 * policy changes.
 */
export class EndpointsSubscription {
  readonly #readers: EndpointsReaders;
  readonly #target: EndpointsTarget;
  readonly #listener: (next: EndpointSetView, previous: EndpointSetView) => void;
  #key = "";
  #view: View<EndpointSetView>;
  #leave: () => void;
  readonly #forgetNode: () => void;

  constructor(
    readers: EndpointsReaders,
    target: EndpointsTarget,
    listener: (next: EndpointSetView, previous: EndpointSetView) => void,
  ) {
    this.#readers = readers;
    this.#target = target;
    this.#listener = listener;
    const query = this.#query();
    this.#view = this.#enter(query);
    this.#leave = this.#view.subscribe(this.#changed);
    this.#forgetNode =
      target.nodeName === ""
        ? () => {}
        : readers.index.topics.subscribe(`node/${target.nodeName}`, () => this.#move());
  }

  get current(): EndpointSetView {
    return this.#view.current;
  }

  close(): void {
    this.#forgetNode();
    this.#leave();
  }

  readonly #changed = (next: EndpointSetView, previous: EndpointSetView): void => {
    if (next.isNodeLocal !== previous.isNodeLocal) this.#move(previous);
    else this.#listener(next, previous);
  };

  /** To the view that fits now. @param told what the client knows */
  #move(told: EndpointSetView = this.#view.current): void {
    const query = this.#query();
    if (endpointsKey(query) !== this.#key) {
      const leave = this.#leave;
      this.#view = this.#enter(query);
      this.#leave = this.#view.subscribe(this.#changed);
      leave();
    }
    if (this.#view.current !== told) this.#listener(this.#view.current, told);
  }

  #enter(query: EndpointsQuery): View<EndpointSetView> {
    const { views, index, settings } = this.#readers;
    this.#key = endpointsKey(query);
    return views.get(this.#key, endpointsSpec(index, settings, query));
  }

  #query(): EndpointsQuery {
    const { index } = this.#readers;
    const { nodeName, ...target } = this.#target;
    const object = index.service(target.namespace, target.service);
    const isLocal = object !== undefined && isNodeLocal(object);
    return { ...target, nodeName: isLocal ? nodeName : "", zone: index.zoneOf(nodeName || undefined) };
  }
}
