{{ config(enabled=is_loaded('row_counts')) }}

select
  {{ surrogate_key(['c.division', 'c.stream']) }} as row_count_key,
  c.division,
  c.stream,
  c.rows_at_exact,
  c.counted_by,
  c.counted_at,
  c.reason
from {{ live_rows('row_counts', key=none) }} as c
