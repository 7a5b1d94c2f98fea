import type { Observer } from "./recorder.ts";

/** An observer that may come late and want header lists. */
export interface Guest extends Observer {
  readonly wantsHeaders?: boolean;
}

/** Observers that come and go: a set that is one observer itself. While nobody is in it, a transition costs one comparison. */
export interface ObserverSet extends Observer {
  /** @returns takes it out again */
  add(guest: Guest): () => void;
  readonly wantsHeaders: boolean;
}

export function createObserverSet(): ObserverSet {
  /** Replaced, never changed: a guest may leave while it is being told. */
  let guests: readonly Guest[] = [];
  return {
    add(guest) {
      guests = [...guests, guest];
      return () => {
        guests = guests.filter((each) => each !== guest);
      };
    },
    get wantsHeaders() {
      return guests.length > 0 && guests.some((guest) => guest.wantsHeaders);
    },
    opened(exchange) {
      for (const guest of guests) guest.opened?.(exchange);
    },
    responded(exchange) {
      for (const guest of guests) guest.responded?.(exchange);
    },
    closed(exchange) {
      for (const guest of guests) guest.closed?.(exchange);
    },
  };
}
