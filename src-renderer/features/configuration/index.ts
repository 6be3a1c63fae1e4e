/**
 * Making, changing and deleting what a lab is made of. Every sheet is part of the address (`?sheet=create-pool&of=shelf`) and
 * stands over whatever page is open: other features place a `SheetButton`, a `CreateMenu` or a `ThingMenu`, or call
 * `useSheet()`, and need nothing else. Only light parts are exported here; the sheets themselves come on demand.
 */
export { CreateMenu, SheetButton, ThingMenu } from './SheetButton.tsx';
export { sheetAddress, sheetsOf, useSheet, type Noun, type SheetName } from './sheets.ts';
