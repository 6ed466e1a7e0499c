{#
  For an incremental model that has read everything: leaves the rows that differ from what the table holds.

  Reading is cheap, writing is not. Since every described column is compared, a build after any change (of the row, of a name
  that is looked up, of this package) leaves the table as a full build would. What is gone is deleted by `delete_gone`.

  Args:
    rows: The name of the rows' CTE.
    key: Columns that identify a row; none of them is ever null.
#}
{% macro only_changed(rows, key) -%}
  select {{ rows }}.*
  from {{ rows }}
  {%- if is_incremental() -%}
    {%- set held = [] -%}
    {%- for column in adapter.get_columns_in_relation(this) -%}
      {%- do held.append(column.name | lower) -%}
    {%- endfor -%}
    {%- set added = model.columns.keys() | reject('in', held) | list -%}
    {#- A table that lacks a column is written as a whole. -#}
    {%- if not added %}
  left join {{ this }} as held
    on {% for column in key -%} held.{{ column }} = {{ rows }}.{{ column }} {%- if not loop.last %} and {% endif -%} {%- endfor %}
  where held.{{ key[0] }} is null
    {%- for column in model.columns if column not in key %}
    or held.{{ column }} is distinct from {{ rows }}.{{ column }}
    {%- endfor -%}
    {%- endif -%}
  {%- endif -%}
{%- endmacro %}

{# Deletes the rows of an incremental model that its source no longer has. #}
{% macro delete_gone(source_model, key) -%}
  delete from {{ this }}
  where not exists (
    select 1
    from {{ ref(source_model) }} as r
    where {% for column in key -%} r.{{ column }} = {{ this.identifier }}.{{ column }} {%- if not loop.last %} and {% endif -%} {%- endfor %}
  )
{%- endmacro %}
