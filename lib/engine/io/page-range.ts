/**
 * Calls `visit` for each piece of a range of bytes that lies in one page, until one returns false.
 *
 * @param visit gets the page, the offset in it, the offset in the range, and the length of the piece
 * @returns false if a visit did
 */
export function forEachPage(
  pageBytes: number,
  position: number,
  lengthBytes: number,
  visit: (pageIndex: number, inPage: number, start: number, length: number) => boolean | void,
): boolean {
  for (let start = 0; start < lengthBytes;) {
    const pageIndex = Math.floor((position + start) / pageBytes);
    const inPage = position + start - pageIndex * pageBytes;
    const length = Math.min(lengthBytes - start, pageBytes - inPage);
    if (visit(pageIndex, inPage, start, length) === false) return false;
    start += length;
  }
  return true;
}
