import { TOP_SORTS, type TopSort } from "../observe/top-rows.ts";

/** What the keys of `top` have made of its screen. */
export interface TopState {
  /** Cells that are scrolled to the left. */
  readonly scroll: number;
  readonly sort: TopSort;
  readonly paused: boolean;
  /** Ids in paths are one. */
  readonly grouped: boolean;
  /** Index of the chosen row; undefined: none. */
  readonly chosen: number | undefined;
  /** Whether the chosen row's details are shown. */
  readonly detail: boolean;
  /** Only rows in which this text is. */
  readonly filter: string;
  /** The filter is being typed: letters go there. */
  readonly typing: boolean;
  readonly done: boolean;
}

export const TOP_START: TopState = {
  scroll: 0,
  sort: "count",
  paused: false,
  grouped: true,
  chosen: undefined,
  detail: false,
  filter: "",
  typing: false,
  done: false,
};

/** A key that was pressed: its letter, or what it is called. */
export type TopKey =
  | { readonly letter: string }
  | { readonly name: "left" | "right" | "up" | "down" | "enter" | "escape" | "backspace" };

const SCROLL_CELLS = 5;

/**
 *   table --/--> typing the filter --enter--> table      escape: out of typing, detail, choice and filter, in this order
 *   table --up, down--> a row is chosen --enter--> its detail
 *   p pauses, s sorts, g groups paths, a/left and d/right scroll, q leaves
 *
 * @param rows how many rows there are
 */
export function pressTopKey(state: TopState, key: TopKey, rows: number): TopState {
  if (state.typing) return typeFilter(state, key);
  if ("letter" in key) return pressLetter(state, key.letter);
  switch (key.name) {
    case "left":
      return pressLetter(state, "a");
    case "right":
      return pressLetter(state, "d");
    case "up":
      return { ...state, chosen: Math.max(0, (state.chosen ?? 0) - 1) };
    case "down":
      return {
        ...state,
        chosen: Math.min(Math.max(0, rows - 1), state.chosen === undefined ? 0 : state.chosen + 1),
      };
    case "enter":
      return { ...state, chosen: state.chosen ?? 0, detail: !state.detail };
    case "escape":
      return leave(state);
    case "backspace":
      return state;
  }
}

function pressLetter(state: TopState, letter: string): TopState {
  switch (letter) {
    case "q":
      return { ...state, done: true };
    case "a":
      return { ...state, scroll: Math.max(0, state.scroll - SCROLL_CELLS) };
    case "d":
      return { ...state, scroll: state.scroll + SCROLL_CELLS };
    case "p":
      return { ...state, paused: !state.paused };
    case "s":
      return { ...state, sort: TOP_SORTS[(TOP_SORTS.indexOf(state.sort) + 1) % TOP_SORTS.length]! };
    case "g":
      return { ...state, grouped: !state.grouped, chosen: undefined, detail: false };
    case "/":
      return { ...state, typing: true };
    default:
      return state;
  }
}

function typeFilter(state: TopState, key: TopKey): TopState {
  if ("letter" in key) return { ...state, filter: state.filter + key.letter, chosen: undefined };
  if (key.name === "backspace") return { ...state, filter: state.filter.slice(0, -1) };
  if (key.name === "enter") return { ...state, typing: false };
  if (key.name === "escape") return { ...state, typing: false, filter: "" };
  return state;
}

function leave(state: TopState): TopState {
  if (state.detail) return { ...state, detail: false };
  if (state.chosen !== undefined) return { ...state, chosen: undefined };
  return { ...state, filter: "" };
}
