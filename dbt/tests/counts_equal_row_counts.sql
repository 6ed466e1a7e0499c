{%- set loaded = [] -%}
{%- for stream in countable_streams() if is_loaded(stream) -%} {%- do loaded.append(stream) -%} {%- endfor -%}
{{ config(enabled=is_loaded('row_counts') and loaded | length > 0) }}

-- Each table has as many rows as Exact counted right after it was read. What Exact cannot count is left out.
-- Tables that are read whole keep rows that are gone at Exact, unless the tap's `emit_activate_version_messages` is on.
with here as (
  {%- for stream in loaded %}
  select '{{ stream }}' as stream, division, count(*) as rows_here
  from {{ ref('stg_exact_online__' ~ countable_streams()[stream]) }}
  group by division
  {%- if not loop.last %}
  union all
  {%- endif %}
  {%- endfor %}
)

select c.division, c.stream, c.rows_at_exact, coalesce(h.rows_here, 0) as rows_here
from {{ ref('stg_exact_online__row_counts') }} as c
left join here as h
  on h.stream = c.stream and h.division = c.division
where c.stream in ('{{ loaded | join("', '") }}')
  and c.rows_at_exact <> coalesce(h.rows_here, 0)
