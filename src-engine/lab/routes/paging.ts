/** How much is given where nobody said how much. */
export const PAGE = 100;
export const WINDOW_SECONDS = 300;
