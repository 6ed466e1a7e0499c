{# The day at whose end open items and customers are looked at. #}
{% macro as_of() -%}
  {%- if var('exact_online_as_of') -%} cast('{{ var('exact_online_as_of') }}' as date) {%- else -%} current_date {%- endif -%}
{%- endmacro %}

{# A day that lies a number of days before `as_of`. #}
{% macro days_before(days) -%}
  cast({{ dbt.dateadd('day', -days, as_of()) }} as date)
{%- endmacro %}

{% macro month_of(column) -%}
  cast({{ dbt.date_trunc('month', column) }} as date)
{%- endmacro %}
