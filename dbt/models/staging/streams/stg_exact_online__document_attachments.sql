{{ config(enabled=is_loaded('sync_documents_document_attachments')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ identifier('r.id') }} as attachment_id,
  {{ identifier('r.document') }} as document_id,
  r.file_name,
  {{ quantity('r.file_size') }} as file_size,
  r.url
from {{ live_rows('sync_documents_document_attachments', modified=none) }} as r
{% if is_loaded('system_divisions') -%}
left join {{ ref('stg_exact_online__divisions') }} as d
  on d.division = r.division
{% endif -%}
