import type { ControlSettings } from "../../control-settings.ts";
import type { ClusterIndex } from "../../index/cluster-index.ts";
import type { Track } from "../../index/view.ts";
import type { Note } from "./notes.ts";

/** What a policy is computed from. */
export interface PolicyReader {
  readonly index: ClusterIndex;
  readonly settings: ControlSettings;
  /** Told of each topic that was looked at. */
  readonly track: Track;
  /** Told what policies may not have been meant to do. */
  readonly note?: Note;
}
