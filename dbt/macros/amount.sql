{# Money and quantities as decimals: Exact sends them as floating-point numbers. #}
{% macro amount(expression) -%}
  cast({{ expression }} as numeric(28, 2))
{%- endmacro %}

{% macro quantity(expression) -%}
  cast({{ expression }} as numeric(28, 6))
{%- endmacro %}
