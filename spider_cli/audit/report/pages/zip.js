// A zip file without compression: sidecars are small, and so need no library.

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, start) => {
  let value = start;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ byte) & 0xff];
  return (crc ^ 0xffffffff) >>> 0;
}

// Fields of [bytes, value], little-endian.
function packed(fields) {
  const out = new Uint8Array(fields.reduce((sum, [size]) => sum + size, 0));
  let at = 0;
  for (const [size, value] of fields) {
    for (let byte = 0; byte < size; byte += 1) out[at + byte] = Math.floor(value / 256 ** byte) & 0xff;
    at += size;
  }
  return out;
}

const ZIP_MOST = 65534;
const UNIX = 3; // names are bytes as they are, and no code page's
const UTF8_NAMES = 0x800;

// Files as [{name: bytes, data: bytes}], as the parts of a blob.
function zipped(files) {
  const now = new Date();
  const time = (now.getHours() << 11) | (now.getMinutes() << 5) | (now.getSeconds() >> 1);
  const date = (Math.max(0, now.getFullYear() - 1980) << 9) | ((now.getMonth() + 1) << 5) | now.getDate();
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const { name, data } of files) {
    const flags = textOf(name) === null ? 0 : UTF8_NAMES;
    const common = [[2, 20], [2, flags], [2, 0], [2, time], [2, date], [4, crc32(data)], [4, data.length], [4, data.length], [2, name.length], [2, 0]];
    const head = packed([[4, 0x04034b50], ...common]);
    parts.push(head, name, data);
    directory.push(
      packed([[4, 0x02014b50], [1, 20], [1, UNIX], ...common, [2, 0], [2, 0], [2, 0], [4, 0o100644 * 65536], [4, offset]]),
      name,
    );
    offset += head.length + name.length + data.length;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = packed([[4, 0x06054b50], [2, 0], [2, 0], [2, files.length], [2, files.length], [4, size], [4, offset], [2, 0]]);
  return [...parts, ...directory, end];
}
