{#
  Whether a stream is loaded: whether the variable `exact_online_streams` has it.

  That list is the one under `select` in meltano.yml: names or patterns with `*`, with or without `.*` for the columns.
  A later line that begins with `!` takes streams out again.
#}
{% macro is_loaded(stream) -%}
  {%- set found = namespace(loaded=false) -%}
  {%- for line in var('exact_online_streams') -%}
    {%- set name = line.lstrip('!').split('.')[0] -%}
    {%- if modules.re.fullmatch(modules.re.escape(name).replace('\\*', '.*'), stream) -%}
      {%- set found.loaded = not line.startswith('!') -%}
    {%- endif -%}
  {%- endfor -%}
  {{ return(found.loaded) }}
{%- endmacro %}

{% macro are_loaded(streams) -%}
  {%- set absent = [] -%}
  {%- for stream in streams if not is_loaded(stream) -%}
    {%- do absent.append(stream) -%}
  {%- endfor -%}
  {{ return(absent | length == 0) }}
{%- endmacro %}

{# What another row is called today; the copy where that row is unknown or its stream is not loaded. #}
{% macro present(stream, column, copy=none) -%}
  {%- if not is_loaded(stream) -%} {{ copy if copy is not none else 'cast(null as ' ~ dbt.type_string() ~ ')' }}
  {%- elif copy is not none -%} coalesce({{ column }}, {{ copy }})
  {%- else -%} {{ column }}
  {%- endif -%}
{%- endmacro %}

{# What the marts are made of. #}
{% macro has_ledger() -%}
  {{ return(are_loaded([
    'sync_financial_transaction_lines', 'sync_financial_gl_accounts', 'sync_crm_accounts', 'financial_journals', 'system_divisions'
  ])) }}
{%- endmacro %}

{% macro has_open_items() -%}
  {{ return(are_loaded(['sync_cashflow_payment_terms', 'sync_crm_accounts', 'system_divisions'])) }}
{%- endmacro %}

{% macro has_subscriptions() -%}
  {{ return(are_loaded(['sync_subscription_subscriptions', 'sync_subscription_subscription_lines'])) }}
{%- endmacro %}
