{#
  The rows of a table that still exist in Exact, whichever way the tap's setting `deletions` tells of them.

  log: `sync_deleted` names what was deleted. A row that came back afterwards was modified later, and stays.
  tombstones: the row itself has `_sdc_deleted_at`.

  Args:
    stream: Name of the stream and of its table.
    key: The column that `sync_deleted.entity_key` refers to; none for streams that the log does not cover.
    modified: When a row was last changed; none for streams that do not tell.
#}
{% macro live_rows(stream, key='id', modified='modified') -%}
  {%- set relation = source('exact_online', stream) -%}
  {%- set columns = [] -%}
  {%- if execute -%}
    {%- for column in adapter.get_columns_in_relation(relation) -%}
      {%- do columns.append(column.name | lower) -%}
    {%- endfor -%}
  {%- endif -%}
  (
    select r.*
    from {{ relation }} as r
    where 1 = 1
    {%- if key is not none and is_loaded('sync_deleted') %}
      and not exists (
        select 1
        from {{ source('exact_online', 'sync_deleted') }} as d
        where d.stream = '{{ stream }}'
          and d.division = r.division
          and d.entity_key = r.{{ key }}
          {%- if modified is not none %}
          and d.deleted_date >= {{ dbt.date_trunc('second', 'r.' ~ modified) }}
          {%- endif %}
      )
    {%- endif %}
    {%- if '_sdc_deleted_at' in columns %}
      and r._sdc_deleted_at is null
    {%- endif %}
  )
{%- endmacro %}
