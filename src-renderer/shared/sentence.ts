/** A cause as the engine states it, as a sentence: capital letter first, full stop last. */
export function sentence(cause: string): string {
  const text = cause.trim();
  if (text === '') return '';
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}
