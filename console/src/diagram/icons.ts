/** A drawing of 16 by 16 for each type of state. */
export const ICONS: Record<string, string> = {
  Task: "M9.5 1L3 9.5h4.5L6.5 15L13 6.5H8.5Z",
  Choice: "M8 1L15 8L8 15L1 8Z",
  Wait: "M8 1a7 7 0 1 0 .01 0ZM8 4v4.5l3 2",
  Pass: "M1 8h13M9.5 3.5L14 8l-4.5 4.5",
  Succeed: "M2 8.5l4 4L14 4",
  Fail: "M3 3l10 10M13 3L3 13",
  Parallel: "M4 1v14M8 1v14M12 1v14",
  Map: "M1 2h9v5H1ZM4 7v3h9V5h-3M7 10v3h8V8h-2",
};
export const UNKNOWN_ICON = "M8 2v7M8 13v.5";
