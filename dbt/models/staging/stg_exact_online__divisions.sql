{{ config(enabled=is_loaded('system_divisions')) }}

select
  d.code as division,
  d.description as division_name,
  d.currency
from {{ live_rows('system_divisions', key=none) }} as d
