/**
 * Sheets that ask for something: fields, the contract's rules, a preview beside them, the same as a command line. A folder of
 * its own (not part of `shared/index.ts`) so that forms and schemas stay out of the first paint: import it from lazy modules.
 */
export { FormSheet, type FormSheetProps } from './FormSheet.tsx';
export { text, type Field, type Option, type Value, type Values } from './fields.ts';
