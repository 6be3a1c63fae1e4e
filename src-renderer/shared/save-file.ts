/** Hands a blob to the browser's (or the desktop's) own way of saving files. */
export function saveBlob(name: string, blob: Blob): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The download has its own hold on the blob only once it has begun.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export function saveFile(name: string, type: string, text: string): void {
  saveBlob(name, new Blob([text], { type }));
}
