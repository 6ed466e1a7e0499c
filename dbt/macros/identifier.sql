{# GUIDs as text: some targets make them a type of their own, others do not. #}
{% macro identifier(column) -%}
  cast({{ column }} as {{ dbt.type_string() }})
{%- endmacro %}

{# One key from several columns. Absent values count as a text that no value has. #}
{% macro surrogate_key(columns) -%}
  {%- set parts = [] -%}
  {%- for column in columns -%}
    {%- do parts.append("coalesce(cast(" ~ column ~ " as " ~ dbt.type_string() ~ "), '~')") -%}
    {%- if not loop.last -%} {%- do parts.append("'|'") -%} {%- endif -%}
  {%- endfor -%}
  {{ dbt.hash(dbt.concat(parts)) }}
{%- endmacro %}
