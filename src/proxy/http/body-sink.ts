import type { Fields } from "../../wire/http1-fields.ts";

/** Takes the bytes of a body, from whichever connection they arrive on. Exactly one of `end` and `abort` is the last call. */
export interface BodySink {
  /** @returns false: the source must stop reading until somebody calls its `resume` */
  data(view: Buffer): boolean;
  end(trailers: Fields | undefined): void;
  abort(): void;
}

/** Takes a body and forgets it. */
export const DISCARD: BodySink = {
  data: () => true,
  end() {},
  abort() {},
};
