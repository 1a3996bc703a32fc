"""Answers of the web as archives hold them: unpacked from what their header ``Content-Encoding`` says."""

from typing import Any

NOT_UNPACKED = ("zstd", "compress", "x-compress", "dcb", "dcz")
"""Encodings that nothing here unpacks. Other names, such as those of character sets, pack nothing."""


def answer_content(record: Any, most: int) -> bytes | str:
    """What a record of a WARC holds, as it was before it was packed for sending.

    Some crawlers unpack a page and leave the header as it was; what is not packed is taken as it is.

    Args:
        record: Of warcio.
        most: Bytes at which reading may stop.

    Returns:
        The content, or why it cannot be had, in words.

    Raises:
        ArchiveLoadFailed: If it is damaged.
    """
    from warcio.bufferedreaders import BufferedReader, ChunkedDataReader

    headers = record.http_headers
    names = ((headers and headers.get_header("Content-Encoding")) or "").lower().split(",")
    names = [name for name in map(str.strip, names) if name not in ("", "identity")]
    if names in (["gzip"], ["deflate"]) or headers is None:
        content: bytes = record.content_stream().read(most)
        return content
    stream = record.raw_stream
    if (headers.get_header("Transfer-Encoding") or "").strip().lower() == "chunked":
        stream = ChunkedDataReader(stream)
    if names == ["x-gzip"]:
        stream = BufferedReader(stream, decomp_type="gzip")
    content = stream.read(most)
    if _is_text(content):
        return content
    if names == ["br"]:
        return _from_brotli(content, most)
    packed = len(names) > 1 or any(name in NOT_UNPACKED for name in names)
    return f"is packed as {', '.join(names)}, which is not unpacked here" if packed else content


def _is_text(content: bytes) -> bool:
    """Whether a page stands there unpacked: nothing that is packed can begin with its first sign."""
    return content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def _from_brotli(content: bytes, most: int) -> bytes:
    """Not by warcio, which takes for granted what decompressors of brotli no longer have."""
    import brotli
    from warcio.exceptions import ArchiveLoadFailed

    unpacker = brotli.Decompressor()
    try:
        found: bytes = unpacker.process(content, output_buffer_limit=most)
        while len(found) < most and not unpacker.is_finished():
            more = unpacker.process(b"", output_buffer_limit=most)
            if not more:
                raise ArchiveLoadFailed("its brotli breaks off")
            found += more
    except brotli.error as error:
        raise ArchiveLoadFailed(f"its brotli cannot be unpacked: {error}") from None
    return found
