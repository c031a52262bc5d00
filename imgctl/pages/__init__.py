"""The page that shows records with their images: a report in one file, and a live gallery.

`web/` is its source, and `page.html` what `make page` builds from it. The page reads its data from
`<script type="application/json">` elements, which `report` writes, or asks a server for them.

What the live page (`report.live_page`) expects of the server that serves it:

- Each request but the one for the page itself has the header `X-Imgctl-Token`. The page takes the
  token from its own URL, `/?token=TOKEN`.
- `GET /api/new` without `after` answers at once with `{"entries": [], "place": PLACE}`, where the
  place stands for now. The page asks for it before it asks for `/api/entries`, so that it misses
  nothing.
- `GET /api/entries?limit=N[&after=CURSOR]`: `{"entries": [...], "next": CURSOR or null}`, newest
  first.
- `GET /api/new?after=PLACE`: as without `after`, but with the entries that are new since that
  place. It may wait for one for up to 20 s. An entry replaces an earlier one of the same record ID.
- `POST /api/uploads?name=FILENAME`, with the file's bytes as the body: 201 and
  `{"key": ..., "version_id": ...}`.
- Errors are `{"error": {"code": ..., "message": ..., "hint": ...}}`. After status 401 or 403 the
  page stops asking; after any other it tries again.
"""
